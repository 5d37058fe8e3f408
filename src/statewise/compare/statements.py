"""What came of a study's statements, from the results of its comparisons."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from statewise.compare.hypotheses import Judged, Said
from statewise.compare.study import FailsMore, SettingsOverCells, Statement, Together
from statewise.metrics.failures import fill_failures
from statewise.metrics.intervals import LEVEL, fraction_difference

Verdict = Literal["supported", "refuted", "undecided"]
Results = Mapping[str, dict[str, Any]]
"""Name of a comparison -> its result, as ``result.json`` holds it"""

FEWEST_ARMS = 5
FEWEST_TRIALS = 4
FEWEST_SEEDS = 2
RESAMPLES = 5000
"""Bootstrap resamples of the arms"""


def judge_statement(statement: Statement, results: Results) -> Judged:
    """A statement with its verdict and what that rests on."""
    if isinstance(statement, Together):
        return _together(statement, results)
    if isinstance(statement, SettingsOverCells):
        return _settings_over_cells(statement, results)
    return _fails_more(statement, results[statement.comparison])


def _all(verdicts: Sequence[Verdict]) -> Verdict:
    """Of a statement that holds where all its parts hold."""
    if "refuted" in verdicts:
        return "refuted"
    return "undecided" if "undecided" in verdicts else "supported"


def _together(statement: Together, results: Results) -> Judged:
    """As its hypotheses came out; said afterwards where one of them was.

    No correction for their number is needed to support it, as all have to hold (an intersection-union test, Berger
    1982); that one of many is refuted by luck is likelier the more there are, which is what their number tells.
    """
    judged = [
        (name, hypothesis)
        for name, meant in statement.hypotheses.items()
        for hypothesis in results[name]["hypotheses"]
        if hypothesis["statement"] in meant
    ]
    outcomes = [hypothesis["verdict"] for _, hypothesis in judged]
    said: Said = "after" if any(hypothesis["said"] == "after" for _, hypothesis in judged) else "before"
    if len(set(outcomes)) == 1:
        told = f"All of its {len(judged)} hypotheses came out {outcomes[0]}."
    else:
        told = f"Of {len(judged)} hypotheses {'; '.join(_with_verdict(v, judged) for v in dict.fromkeys(outcomes))}."
    return Judged(statement.says, _all(outcomes), told, said)


def _with_verdict(verdict: str, judged: list[tuple[str, dict[str, Any]]]) -> str:
    """The hypotheses with that verdict, by comparison, in words."""
    found: dict[str, list[str]] = {}
    for name, hypothesis in judged:
        if hypothesis["verdict"] == verdict:
            found.setdefault(name, []).append(hypothesis["statement"])
    which = "; ".join(f"{name}: {', '.join(statements)}" for name, statements in found.items())
    return f"{sum(map(len, found.values()))} {verdict} ({which})"


def _settings_over_cells(statement: SettingsOverCells, results: Results) -> Judged:
    """As it came out in every comparison, those of which the same is to be said in one sentence."""
    found = {name: _spread(results[name]) for name in statement.comparisons}
    same: dict[str, list[str]] = {}
    for name, (_, told) in found.items():
        same.setdefault(told, []).append(name)
    evidence = " ".join(f"{', '.join(names).capitalize()}: {told}." for told, names in same.items())
    return Judged(statement.says, _all([verdict for verdict, _ in found.values()]), evidence)


def _spread(result: dict[str, Any]) -> tuple[Verdict, str]:
    """One comparison: how far validation scores spread over settings and over arms, in standard deviations.

    Over settings: of an arm's tuning trials, as variances averaged over the arms. Over arms: of their means over the
    fresh seeds, each at its chosen setting. What seeds alone do, the variance between an arm's fresh seeds, is taken
    off both, whole from the first and by the number of seeds from the second. The interval of the difference of the two
    is the bootstrap's over arms. Failed trainings count as chance, or as the worst score where that is worse.
    """
    arms = [arm for arm in result["arms"] if arm["status"] == "ok" and not arm["companion"]]
    trials = min((len(arm["tuning"]) for arm in arms), default=0)
    seeds = min((len(arm["seeds"]) for arm in arms), default=0)
    if len(arms) < FEWEST_ARMS or trials < FEWEST_TRIALS or seeds < FEWEST_SEEDS:
        return "undecided", (
            f"{len(arms)} arms of {trials} tuning trials and {seeds} seeds do not tell (it takes "
            f"{FEWEST_ARMS}, {FEWEST_TRIALS} and {FEWEST_SEEDS})"
        )
    over_settings, means, luck = _variances(result, arms, seeds)
    settings, cells = _deviations(over_settings, means, luck, seeds)
    drawn = np.random.default_rng(0).integers(len(arms), size=(RESAMPLES, len(arms)))
    both = _deviations(over_settings[drawn], means[drawn], luck[drawn], seeds)
    low, high = np.quantile(both[0] - both[1], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    verdict: Verdict = "supported" if low > 0 else "refuted" if high < 0 else "undecided"
    return verdict, (
        f"{result['task']['primary']['name']} on validation spreads by {settings:.3g} over the settings tried "
        f"and by {cells:.3g} over the arms; the difference is {settings - cells:.3g} [{low:.3g}, {high:.3g}] "
        f"(bootstrap over {len(arms)} arms; within the range of settings that was searched)"
    )


def _variances(
    result: dict[str, Any], arms: list[dict[str, Any]], seeds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """For each arm the variance over its tuning trials, the mean over its fresh seeds, and the variance over them."""
    primary = result["task"]["primary"]
    scores = {
        f"{kind} {arm['label']}": [one["valid"] if one["status"] == "ok" else None for one in arm[kind]]
        for arm in arms
        for kind in ("tuning", "seeds")
    }
    filled = fill_failures(scores, lower_is_better=primary["lower_is_better"], worst=primary["chance"])
    tuned = [filled[f"tuning {arm['label']}"] for arm in arms]
    fresh = np.array([filled[f"seeds {arm['label']}"][:seeds] for arm in arms])
    return np.array([one.var(ddof=1) for one in tuned]), fresh.mean(axis=1), fresh.var(axis=1, ddof=1)


def _deviations(
    over_settings: NDArray[np.float64], means: NDArray[np.float64], luck: NDArray[np.float64], seeds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard deviations over settings and over arms, arms along the last axis."""
    noise = luck.mean(axis=-1)
    settings = np.sqrt(np.maximum(over_settings.mean(axis=-1) - noise, 0))
    return settings, np.sqrt(np.maximum(means.var(axis=-1, ddof=1) - noise / seeds, 0))


def _fails_more(statement: FailsMore, result: dict[str, Any]) -> Judged:
    """The two fractions of failed trainings and the interval of their difference (Newcombe's)."""
    more, fewer = (_failures(result, labels) for labels in (statement.more, statement.fewer))
    if not more[1] or not fewer[1]:
        return Judged(statement.says, "undecided", "Not all of the arms were trained.")
    difference = fraction_difference(more, fewer, level=LEVEL)
    verdict: Verdict = "supported" if difference.low > 0 else "refuted" if difference.high < 0 else "undecided"
    evidence = (
        f"{statement.comparison}: {more[0]} of {more[1]} trainings failed against {fewer[0]} of {fewer[1]}, a "
        f"difference of {difference.mean:.3g} [{difference.low:.3g}, {difference.high:.3g}] in fractions (Newcombe)."
    )
    return Judged(statement.says, verdict, evidence)


def _failures(result: dict[str, Any], labels: tuple[str, ...]) -> tuple[int, int]:
    """How many trainings of these arms failed, and how many there were."""
    arms = [arm for arm in result["arms"] if arm["label"] in labels]
    return sum(arm["spent"]["failed"] for arm in arms), sum(len(arm["tuning"]) + len(arm["seeds"]) for arm in arms)
