"""Winner, tie or undecided: what a comparison of several arms over few seeds allows one to recommend."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from statewise.metrics.intervals import LEVEL
from statewise.metrics.pairs import PairVerdict, Rule, Runs, compare_runs, compare_solved
from statewise.metrics.power import FEWEST_SEEDS
from statewise.metrics.summaries import holm


class Decision(NamedTuple):
    """What a comparison of several arms comes to."""

    verdict: Literal["winner", "tie", "undecided"]
    arms: tuple[str, ...]
    """The winner; or the arms that are tied; or those still in the race, the best so far first."""
    more_seeds: int | None
    """Seeds an arm to add so that an undecided race is probably settled; None if too many, unknown, or settled."""
    reason: str
    comparisons: dict[str, PairVerdict]
    """Every other arm that finished a run -> the best arm so far (as ``a``) against it."""


def decide(arms: Mapping[str, Runs], *, lower_is_better: bool, margin: float = 0.0, level: float = LEVEL) -> Decision:
    """Recommend among arms by their scores over shared seeds.

    The arm with the best mean is compared with every other (`compare_runs`). An arm is beaten if its pair says so and
    Holm's correction over these comparisons agrees. No arm left beside the best: winner. All that are left tied with
    it: tie. Otherwise undecided, with a rough number of seeds that would settle it. Arms without one finished run are
    left out and named.

    Args:
        arms: label -> its runs, collected together (`collect_runs`).
        lower_is_better: True for losses and errors.
        margin: the smallest difference that matters, in units of the score.
        level: confidence of the whole recommendation.

    >>> from statewise.metrics.pairs import collect_runs
    >>> scores = {"gru": [0.30, 0.31, 0.33], "lstm": [0.10, 0.12, 0.11], "rnn": [0.90, None, 0.95]}
    >>> decision = decide(collect_runs(scores, lower_is_better=True, worst=1.0), lower_is_better=True)
    >>> decision.verdict, decision.arms
    ('winner', ('lstm',))
    """
    finished = [label for label, run in arms.items() if not np.isnan(run.scores).all()]
    rule = Rule(margin, level, comparisons=max(1, len(finished) - 1))
    means = {label: float(arms[label].filled.mean()) for label in finished}
    ranked = sorted(finished, key=means.__getitem__, reverse=not lower_is_better)
    comparisons = {
        label: compare_runs(arms[ranked[0]], arms[label], rule, lower_is_better=lower_is_better) for label in ranked[1:]
    }
    return _recommend(ranked, comparisons, rule, [label for label in arms if label not in finished])


def decide_solved(arms: Mapping[str, Sequence[bool]], *, margin: float = 0.0, level: float = LEVEL) -> Decision:
    """Recommend among arms by the fraction of seeds that solved the task; as `decide`, with `compare_solved`.

    >>> decide_solved({"rnn": [False] * 5, "ntm": [True] * 5}).arms
    ('ntm',)
    """
    if not all(len(solved) for solved in arms.values()):
        raise ValueError("every arm needs at least one seed")
    rule = Rule(margin, level, comparisons=max(1, len(arms) - 1))
    fractions = {label: float(np.mean(solved)) for label, solved in arms.items()}
    ranked = sorted(arms, key=fractions.__getitem__, reverse=True)
    comparisons = {label: compare_solved(arms[ranked[0]], arms[label], rule) for label in ranked[1:]}
    return _recommend(ranked, comparisons, rule, [])


def _recommend(ranked: list[str], comparisons: dict[str, PairVerdict], rule: Rule, unfinished: list[str]) -> Decision:
    """The decision that the comparisons of the best arm with all others allow."""
    note = f" No run of {', '.join(unfinished)} finished." if unfinished else ""
    if not comparisons:
        return Decision("undecided", tuple(ranked), None, f"There are no two arms to compare.{note}", comparisons)
    best, percent = ranked[0], f"{100 * rule.level:g} %"
    adjusted = holm([pair.p_value for pair in comparisons.values()])
    left = {
        label: pair
        for (label, pair), p in zip(comparisons.items(), adjusted, strict=True)
        if not (pair.verdict == "a" and p < 1 - rule.level)
    }
    if not left:
        beyond = f" by more than {rule.margin:g}" if rule.margin else ""
        reason = f"{best} is better than {', '.join(comparisons)}{beyond} at {percent} confidence (Holm)."
        return Decision("winner", (best,), None, reason + note, comparisons)
    if all(pair.verdict == "tie" for pair in left.values()):
        reason = f"{', '.join(left)} and {best} differ by no more than {rule.margin:g} at {percent} confidence."
        return Decision("tie", (best, *left), None, reason + note, comparisons)
    more = _more_seeds([pair for pair in left.values() if pair.verdict != "tie"])
    return Decision("undecided", (best, *left), more, _why_undecided(best, left, more) + note, comparisons)


def _more_seeds(pairs: list[PairVerdict]) -> int | None:
    """Seeds to add until the hardest of the undecided pairs is probably settled."""
    needed = [pair.seeds_needed for pair in pairs]
    if any(number is None for number in needed):
        return None
    return max(max(1, number - pair.n) for number, pair in zip(needed, pairs, strict=True) if number is not None)


def _why_undecided(best: str, left: Mapping[str, PairVerdict], more: int | None) -> str:
    """One sentence or two for the person who reads the recommendation."""
    seeds = min(pair.n for pair in left.values())
    if seeds < FEWEST_SEEDS:
        few = "1 seed" if seeds == 1 else f"{seeds} seeds"
        return f"{best} scored best, but {few} an arm cannot tell it from luck; run at least {FEWEST_SEEDS}."
    hint = f"about {more} more seeds an arm would settle it" if more else "more seeds are not likely to settle it"
    caveats = " ".join(f" {label}: {pair.caveat}." for label, pair in left.items() if pair.caveat)
    return f"{best} scored best, but {', '.join(left)} may be as good or better; {hint}.{caveats}"
