"""Gate biases for a range of memory lengths."""

from collections.abc import Mapping

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


@torch.no_grad()
def start_gates_(bias: Tensor, gates: Mapping[int, Tensor | None], *, second: Tensor | None = None) -> None:
    """Have gates, by their number, begin with biases; ``None`` leaves what was drawn.

    Args:
        bias: of all gates, one after the other.
        gates: number of a gate -> its biases.
        second: a bias that is added to it, 0 for these gates then.
    """
    for gate, values in gates.items():
        if values is not None:
            here = slice(gate * len(values), (gate + 1) * len(values))
            bias[here] = values
            if second is not None:
                second[here] = 0.0


def forget_and_input_biases(
    units: int, forget_bias: float | None, longest_memory: int | None
) -> tuple[Tensor | None, Tensor | None]:
    """What an LSTM's forget and input gate begin with, each ``(units,)``; ``None`` for values as they were drawn.

    Args:
        units: of a gate.
        forget_bias: of all forget gates.
        longest_memory: in its place, b of ``chrono`` for the forget gates and -b for the input gates.

    Raises:
        ValueError: if both are given.

    >>> forget_and_input_biases(2, 1.0, None)
    (tensor([1., 1.]), None)
    """
    if longest_memory is None:
        return (None if forget_bias is None else torch.full((units,), forget_bias)), None
    if forget_bias is not None:
        raise ValueError("longest_memory sets the forget gates' biases; pass forget_bias=None beside it")
    lasting = chrono(units, longest_memory)
    return lasting, -lasting


def keep_biases(units: int, keep_bias: float, longest_memory: int | None) -> Tensor:
    """What a gate that keeps what it does not write begins with, ``(units,)``: ``keep_bias``, added to ``chrono``'s.

    A gate that writes begins with the contrary.

    >>> keep_biases(2, 1.0, None)
    tensor([1., 1.])
    """
    lasting = torch.zeros(units) if longest_memory is None else chrono(units, longest_memory)
    return lasting + keep_bias


def spread(units: int, first: float, last: float, power: float = 1.0) -> Tensor:
    """Biases ``(units,)`` from the first unit's to the last's: b_j = first + (last - first) (j / (units - 1))^power.

    As xLSTM's authors spread the forget gates of heads and units (Beck et al. 2024, their code): a gate sigmoid(b)
    forgets after about 1 + exp(b) steps, so evenly spread biases are time scales spread over their orders of magnitude.

    >>> spread(4, 3.0, 6.0), spread(1, 3.0, 6.0)
    (tensor([3., 4., 5., 6.]), tensor([3.]))
    """
    return first + (last - first) * torch.linspace(0, 1, units) ** power
