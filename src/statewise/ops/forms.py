"""Several equal forms of one operation, and the rule that chooses among them.

An operation's file reads, from top to bottom: the equation; the operation itself, which checks and prepares its
arguments; ``reference``, the equation step by step, which every other form must equal; the fast forms; the rule that
says which form runs for which arguments; ``FORMS``, all of them by name. Whoever wants another form than the rule's,
to look for a fault or to measure, says so around the call:

>>> import torch
>>> from statewise.ops import linear_recurrence as operation
>>> sorted(operation.FORMS.names)
['compiled', 'in_place', 'reference', 'triton']
>>> with operation.FORMS.use("reference"):
...     operation.linear_recurrence(torch.tensor(0.5), torch.ones(1, 3), torch.zeros(1))
tensor([[1.0000, 1.5000, 1.7500]])
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Forms(Generic[Arguments, Result]):
    """The forms of one operation. Called, it runs the one that the rule chooses, or the one that is in use.

    Args:
        operation: its name.
        forms: name -> function; all take the same arguments.
        rule: the arguments -> the name of the form to run.
    """

    def __init__(
        self,
        operation: str,
        forms: Mapping[str, Callable[Arguments, Result]],
        rule: Callable[Arguments, str],
    ) -> None:
        self.operation = operation
        self.rule = rule
        self._forms = dict(forms)
        self._in_use: ContextVar[str | None] = ContextVar(f"form_of_{operation}", default=None)

    @property
    def names(self) -> tuple[str, ...]:
        """All forms."""
        return tuple(self._forms)

    @property
    def in_use(self) -> str | None:
        """The form that somebody asked for around this call; ``None`` where the rule chooses."""
        return self._in_use.get()

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return self._forms[self._in_use.get() or self.rule(*args, **kwargs)](*args, **kwargs)

    @contextmanager
    def use(self, name: str) -> Iterator[None]:
        """Run this form inside the ``with`` block, whatever the rule says; it must know what to do with the arguments.

        Raises:
            ValueError: if there is no such form.
        """
        if name not in self._forms:
            raise ValueError(f"{self.operation} has the forms {', '.join(self.names)}, not {name!r}")
        token = self._in_use.set(name)
        try:
            yield
        finally:
            self._in_use.reset(token)
