"""The one function that tries a task on all rules."""

from statewise.tasks.broken import TaskBroken
from statewise.tasks.rules import RULES
from statewise.tasks.task import Task


def check(task: Task) -> None:
    """Try ``task`` on every rule: batches legal and a pure function of their number, splits disjoint, oracle perfect,
    chance as stated, loss and scores sums, lengths refused in a sentence, options plain data.

    Small options (short sequences, some hundred evaluated ones) make it quick; the more sequences are evaluated, the
    finer it tells whether the chance level is right.

    Args:
        task: yours or ours.

    Raises:
        TaskBroken: at the first broken rule.

    >>> from statewise.tasks.computing import Parity
    >>> check(Parity(longest=20))
    """
    for name in RULES:
        check_rule(name, task)


def check_rule(name: str, task: Task) -> None:
    """Try ``task`` on the one rule ``name``; whatever goes wrong in it is reported as that rule broken."""
    try:
        RULES[name](task)
    except TaskBroken:
        raise
    except Exception as error:
        raise TaskBroken(name, f"{type(error).__name__}: {error}") from error
