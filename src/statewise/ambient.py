"""A value that stands inside a ``with`` block, for all that is called there, and is asked for nearly free elsewhere."""

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
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

    def set(self, value: Value) -> AbstractContextManager[Value]:
        """Have it be ``value`` inside the ``with`` block."""
        return _Set(self, value)

    def _enter(self, value: Value) -> Token[Value | None]:
        with self._counting:
            self._open += 1
        return self._value.set(value)

    def _leave(self, token: Token[Value | None]) -> None:
        self._value.reset(token)
        with self._counting:
            self._open -= 1


class _Set(Generic[Value]):
    """The block in which a value stands; a class and no generator, since layers enter one at every call."""

    __slots__ = ("_ambient", "_token", "_value")

    def __init__(self, ambient: Ambient[Value], value: Value) -> None:
        self._ambient = ambient
        self._value = value

    def __enter__(self) -> Value:
        self._token = self._ambient._enter(self._value)
        return self._value

    def __exit__(self, *error: object) -> None:
        self._ambient._leave(self._token)
