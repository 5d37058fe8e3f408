"""Statements made about an experiment, when they were made, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from statewise.errors import UserError
from statewise.metrics.pairs import PairVerdict

Said = Literal["before", "after"]
"""Whether a statement was made before any test score was known, or only then"""


@dataclass(frozen=True)
class Hypothesis:
    """One arm scores better than another, or they do equally well."""

    a: str
    relation: Literal[">", "="]
    b: str

    def __str__(self) -> str:
        return f"{self.a} {self.relation} {self.b}"


@dataclass(frozen=True)
class Judged:
    """A hypothesis and what came of it."""

    statement: str
    verdict: Literal["supported", "refuted", "undecided"]
    evidence: str
    said: Said = "before"


def read_hypothesis(statement: str) -> Hypothesis:
    """``a > b`` (a scores better, whichever way the score reads) or ``a = b`` (they differ by no more than the margin).

    Raises:
        UserError: if it reads otherwise.

    >>> read_hypothesis("lstm > gru")
    Hypothesis(a='lstm', relation='>', b='gru')
    """
    for relation in (">", "="):
        a, found, b = statement.partition(f" {relation} ")
        if found and a.strip() and b.strip():
            return Hypothesis(a.strip(), ">" if relation == ">" else "=", b.strip())
    raise UserError(f"the hypothesis '{statement}' cannot be read; write 'lstm > gru' or 'lstm = gru'")


def judge(hypothesis: Hypothesis, pair: PairVerdict | None, unit: str) -> Judged:
    """The statement with its verdict and the evidence, from its two arms compared, a first; None = no score.

    Args:
        hypothesis: the statement.
        pair: its arms compared.
        unit: of the difference, and which way is better.
    """
    if pair is None:
        return Judged(str(hypothesis), "undecided", "One of the arms has no score.")
    right = {">": "a", "=": "tie"}[hypothesis.relation]
    difference, low, high = (f"{value:.3g}".replace("-", "−") for value in (pair.difference, pair.low, pair.high))
    because = f"; {pair.caveat}" if pair.caveat else ""
    evidence = f"{hypothesis.a} − {hypothesis.b} is {difference} [{low}, {high}] in {unit} ({pair.kind}{because})."
    if pair.verdict == "undecided":
        return Judged(str(hypothesis), "undecided", evidence)
    return Judged(str(hypothesis), "supported" if pair.verdict == right else "refuted", evidence)


def check_margin(hypotheses: Sequence[Hypothesis], margin: float) -> None:
    """Raise a ``UserError`` where arms are said to do equally well and every difference counts: nothing can show it."""
    for hypothesis in hypotheses:
        if hypothesis.relation == "=" and not margin:
            raise UserError(
                f"nothing can bear out '{hypothesis}' with a margin of 0, where any difference counts; say from which "
                "difference on it does, such as --margin 0.2"
            )


def check_labels(hypotheses: Sequence[Hypothesis], arms: Sequence[str]) -> None:
    """Raise a ``UserError`` where a hypothesis names an arm that is not compared."""
    for hypothesis in hypotheses:
        for label in (hypothesis.a, hypothesis.b):
            if label not in arms:
                raise UserError(f"the hypothesis '{hypothesis}' names no arm '{label}'; arms are {', '.join(arms)}")
