"""Side outputs of layers (attention maps, write weights, gate values): silent and nearly free unless somebody looks.

A layer says ``probe.record(self, "keep_gate", z)`` in ``step``, and ``probe.record_sequence(self, "keep_gate", z)``
where it works on all steps at once. Whoever wants to look opens a recorder around the calls of a model; what is seen
has one shape, whichever gear ran:

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
from contextvars import ContextVar

import torch
from torch import Tensor, nn


class Recording(Mapping[str, dict[str, Tensor]]):
    """What the modules of a model recorded: path of the module -> name -> values ``(B, T, ...)``, chunk after chunk.

    Paths are those of ``model.named_modules()``, as ``body.layers.1``; the model's own is empty. What modules outside
    the model record is passed over.
    """

    def __init__(self, model: nn.Module) -> None:
        self._paths = {module: path for path, module in model.named_modules()}
        self._chunks: dict[str, dict[str, list[Tensor]]] = {}

    def add(self, module: nn.Module, name: str, values: Tensor) -> None:
        """Take in a chunk ``(B, T, ...)`` of a side output."""
        path = self._paths.get(module)
        if path is not None:
            self._chunks.setdefault(path, {}).setdefault(name, []).append(values)

    def __getitem__(self, path: str) -> dict[str, Tensor]:
        return {name: torch.cat(chunks, dim=1) for name, chunks in self._chunks[path].items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._chunks)

    def __len__(self) -> int:
        return len(self._chunks)


_open_recording: ContextVar[Recording | None] = ContextVar("open_recording", default=None)


def record(module: nn.Module, name: str, value: Tensor) -> None:
    """Hand the open recorder, if there is one, ``value (B, ...)`` of one step. Nothing is detached or copied."""
    seen = _open_recording.get()
    if seen is not None:
        seen.add(module, name, value.unsqueeze(1))


def record_sequence(module: nn.Module, name: str, values: Tensor) -> None:
    """Hand the open recorder, if there is one, ``values (B, T, ...)`` of T steps. Nothing is detached or copied."""
    seen = _open_recording.get()
    if seen is not None:
        seen.add(module, name, values)


@contextmanager
def recording(model: nn.Module) -> Iterator[Recording]:
    """Collect what the layers of ``model`` record inside the ``with`` block; an inner recorder hides an outer one."""
    seen = Recording(model)
    token = _open_recording.set(seen)
    try:
        yield seen
    finally:
        _open_recording.reset(token)


def is_recording() -> bool:
    """Whether a recorder is open; worth asking only where a side output costs extra work."""
    return _open_recording.get() is not None
