"""The list of rules that every task keeps, and the one function that tries a task on all of them."""

from collections.abc import Callable, Mapping

from statewise.tasks.rules.broken import TaskBroken
from statewise.tasks.rules.data import batches, lengths, pure, splits
from statewise.tasks.rules.form import example, form, options
from statewise.tasks.rules.objective import losses, scores
from statewise.tasks.rules.standards import baselines, chance, oracle
from statewise.tasks.task import Task

RULES: Mapping[str, Callable[[Task], None]] = {
    "form": form,
    "options": options,
    "batches": batches,
    "pure": pure,
    "lengths": lengths,
    "losses": losses,
    "scores": scores,
    "example": example,
    "splits": splits,
    "oracle": oracle,
    "chance": chance,
    "baselines": baselines,
}
"""Name of each rule -> the function that tries it; from the narrow to the broad, so that the first one broken names the
fault and not a consequence of it."""


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
