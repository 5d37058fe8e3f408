"""Side outputs of layers (attention maps, write weights, gate values): silent and nearly free unless somebody looks.

A layer says ``probe.record(self, "keep_gate", z)`` in ``step``, and nowhere else: while a recorder is open, a sequence
is run step by step. Whoever wants to look opens a recorder around the calls of a model:

>>> import torch
>>> from statewise.layers.statespace.min_gru import MinGRU
>>> layer = MinGRU(input_size=3, hidden_size=4)
>>> with recording(layer) as seen:
...     y, state = layer(torch.randn(2, 7, 3))
...     y, state = layer.step(torch.randn(2, 3), state)
>>> seen[""]["write_gate"].shape
torch.Size([2, 8, 4])
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from statewise.ambient import Ambient


class Recording(Mapping[str, dict[str, Tensor]]):
    """What the modules of a model recorded: path of the module -> name -> values ``(B, T, ...)``, step after step.

    Paths are those of ``model.named_modules()``, as ``body.layers.1``; the model's own is empty. What modules outside
    the model record is passed over. What is read is a copy, whose gradient reaches what was recorded.

    Raises:
        ValueError: where it is read, if the steps of a side output differ in shape, as those of batches of different
            size do.
    """

    def __init__(self, model: nn.Module) -> None:
        self._paths = {module: path for path, module in model.named_modules()}
        self._steps: dict[str, dict[str, list[Tensor]]] = {}

    def add(self, module: nn.Module, name: str, value: Tensor) -> None:
        """Take in ``value (B, ...)`` of one step."""
        path = self._paths.get(module)
        if path is not None:
            self._steps.setdefault(path, {}).setdefault(name, []).append(value)

    def __getitem__(self, path: str) -> dict[str, Tensor]:
        return {name: _in_time(path, name, steps) for name, steps in self._steps[path].items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


def _in_time(path: str, name: str, steps: list[Tensor]) -> Tensor:
    """The values ``(B, ...)`` of all steps as ``(B, T, ...)``."""
    place = f"'{name}' of '{path}'" if path else f"'{name}'"
    first, *others = dict.fromkeys(tuple(value.shape) for value in steps)
    if others:
        raise ValueError(
            f"{place} was recorded with the shapes {first} and {others[0]}; a recorder holds the steps of one batch: "
            "open one for each"
        )
    if not first:
        raise ValueError(f"{place} was recorded as one number; record (B, ...), a row a sequence")
    return torch.stack(steps, dim=1)


_open_recording = Ambient[Recording]("open_recording")


def record(module: nn.Module, name: str, value: Tensor) -> None:
    """Hand the open recorder, if there is one, ``value (B, ...)`` of one step. Nothing is detached or copied."""
    seen = _open_recording.get()
    if seen is not None:
        seen.add(module, name, value)


@contextmanager
def recording(model: nn.Module) -> Iterator[Recording]:
    """Collect what the layers of ``model`` record inside the ``with`` block; an inner recorder hides an outer one."""
    with _open_recording.set(Recording(model)) as seen:
        yield seen


def is_recording() -> bool:
    """Whether a recorder is open."""
    return _open_recording.get() is not None
