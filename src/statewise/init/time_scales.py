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
