"""Statements made before an experiment, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from statewise.errors import UserError
from statewise.metrics.pairs import PairVerdict


@dataclass(frozen=True)
class Hypothesis:
    """One arm scores better than another, or they do equally well."""

    a: str
    relation: Literal[">", "="]
    b: str

    def __str__(self) -> str:
        return f"{self.a} {self.relation} {self.b}"


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


def judge(hypothesis: Hypothesis, pair: PairVerdict | None, unit: str) -> dict[str, Any]:
    """The statement with its verdict and the evidence, from its two arms compared, a first; None = no score."""
    if pair is None:
        return {"statement": str(hypothesis), "verdict": "undecided", "evidence": "One of the arms has no score."}
    right = {">": "a", "=": "tie"}[hypothesis.relation]
    verdict = "undecided" if pair.verdict == "undecided" else "supported" if pair.verdict == right else "refuted"
    evidence = (
        f"{hypothesis.a} − {hypothesis.b} is {pair.difference:.3g} [{pair.low:.3g}, {pair.high:.3g}] in {unit} "
        f"({pair.kind})."
    )
    return {"statement": str(hypothesis), "verdict": verdict, "evidence": evidence}


def check_labels(hypotheses: Sequence[Hypothesis], arms: Sequence[str]) -> None:
    """Raise a ``UserError`` where a hypothesis names an arm that is not compared."""
    for hypothesis in hypotheses:
        for label in (hypothesis.a, hypothesis.b):
            if label not in arms:
                raise UserError(f"the hypothesis '{hypothesis}' names no arm '{label}'; arms are {', '.join(arms)}")
