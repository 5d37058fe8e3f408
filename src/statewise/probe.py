"""Side outputs of layers (attention maps, write weights, gate values): silent and free unless a recorder is open.

A layer says ``probe.record("write_weights", w)``. Whoever wants to look opens a recorder around the call:

>>> import torch
>>> with recording() as seen:
...     record("gate", torch.ones(2))
>>> seen["gate"]
[tensor([1., 1.])]
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

Recording = dict[str, list[Tensor]]
"""Name of a side output -> its values in the order in which they were recorded."""

_open_recording: ContextVar[Recording | None] = ContextVar("open_recording", default=None)


def record(name: str, value: Tensor) -> None:
    """Hand ``value`` to the open recorder, if there is one. Nothing is detached or copied."""
    seen = _open_recording.get()
    if seen is not None:
        seen.setdefault(name, []).append(value)


@contextmanager
def recording() -> Iterator[Recording]:
    """Collect everything that layers record inside the ``with`` block; an inner recorder hides an outer one."""
    seen: Recording = {}
    token = _open_recording.set(seen)
    try:
        yield seen
    finally:
        _open_recording.reset(token)


def is_recording() -> bool:
    """Whether a recorder is open; worth asking only where a side output costs extra work."""
    return _open_recording.get() is not None
