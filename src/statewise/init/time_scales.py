"""Gate biases for a range of memory lengths."""

import torch
from torch import Tensor


def chrono(units: int, longest: int, generator: torch.Generator | None = None) -> Tensor:
    """Biases ``(units,)`` of a gate that keeps: log u, u uniform in [1, longest - 1] (Tallec & Ollivier 2018).

    A gate sigmoid(b) forgets after about 1 + exp(b) steps, so the units remember for 2 to ``longest`` steps. In an LSTM
    the forget gate gets b and the input gate -b. Without a ``generator`` u is drawn from torch's global one.

    Raises:
        ValueError: if ``longest`` is below 2.

    >>> lasting = 1 + chrono(1000, 50).exp()
    >>> bool(lasting.min() >= 2), bool(lasting.max() <= 50)
    (True, True)
    """
    if longest < 2:
        raise ValueError(f"the longest memory must be at least 2 steps, got {longest}")
    return torch.empty(units).uniform_(1, longest - 1, generator=generator).log()


def spread(units: int, first: float, last: float, power: float = 1.0) -> Tensor:
    """Biases ``(units,)`` from the first unit's to the last's: b_j = first + (last - first) (j / (units - 1))^power.

    As xLSTM's authors spread the forget gates of heads and units (Beck et al. 2024, their code): a gate sigmoid(b)
    forgets after about 1 + exp(b) steps, so evenly spread biases are time scales spread over their orders of magnitude.

    >>> spread(4, 3.0, 6.0), spread(1, 3.0, 6.0)
    (tensor([3., 4., 5., 6.]), tensor([3.]))
    """
    return first + (last - first) * torch.linspace(0, 1, units) ** power
