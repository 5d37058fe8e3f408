"""A value that stands inside a ``with`` block, for all that is called there, and is asked for nearly free elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Ambient(Generic[Value]):
    """What is set around a call, in one thread; an inner value hides an outer one.

    Args:
        name: of the value, for whoever looks for a fault.

    >>> language = Ambient[str]("language")
    >>> with language.set("English"):
    ...     language.get()
    'English'
    >>> language.get() is None
    True
    """

    def __init__(self, name: str) -> None:
        self._value: ContextVar[Value | None] = ContextVar(name, default=None)
        self._open = 0
        """How often it is set anywhere. Asked first, as it is sooner said, and ``torch.compile`` can trace it."""
        self._counting = Lock()

    def get(self) -> Value | None:
        """What was set last around here; ``None`` outside of all blocks."""
        return self._value.get() if self._open else None

    @contextmanager
    def set(self, value: Value) -> Iterator[Value]:
        """Have it be ``value`` inside the ``with`` block."""
        token = self._value.set(value)
        self._count(+1)
        try:
            yield value
        finally:
            self._count(-1)
            self._value.reset(token)

    def _count(self, change: int) -> None:
        with self._counting:
            self._open += change
