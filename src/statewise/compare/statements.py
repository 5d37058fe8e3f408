"""What came of a study's statements, from the results of its comparisons."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.compare.hypotheses import Judged, Said
from statewise.compare.study import FailsMore, SettingsOverCells, Statement, Together
from statewise.metrics.failures import fill_failures
from statewise.metrics.intervals import LEVEL, fraction_difference
from statewise.metrics.spread import spread_ratio

Verdict = Literal["supported", "refuted", "undecided"]
Results = Mapping[str, dict[str, Any]]
"""Name of a comparison -> its result, as ``result.json`` holds it"""

FEWEST_ARMS = 8
"""With fewer the spread over arms is too often small by luck"""
FEWEST_TRIALS = 4
FEWEST_SEEDS = 2


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
    """One comparison: whether validation scores spread more over settings than over arms (`spread_ratio`).

    Over settings: of an arm's tuning trials. Over arms: of their means over the fresh seeds, each at its best setting.
    Trials that were added because a best learning rate lay at an end of the range do not count: they were chosen by
    the scores before. Failed trainings count as chance, or as the worst score where that is worse.
    """
    arms = [arm for arm in result["arms"] if arm["status"] == "ok" and not arm["companion"]]
    trials = min([result["config"]["trials"], *(len(arm["tuning"]) for arm in arms)])
    seeds = min((len(arm["seeds"]) for arm in arms), default=0)
    if len(arms) < FEWEST_ARMS or trials < FEWEST_TRIALS or seeds < FEWEST_SEEDS:
        return "undecided", (
            f"{len(arms)} arms of {trials} tuning trials and {seeds} seeds do not tell (it takes "
            f"{FEWEST_ARMS}, {FEWEST_TRIALS} and {FEWEST_SEEDS})"
        )
    found = spread_ratio(*_scores(result, arms, trials, seeds))
    verdict: Verdict = "supported" if found.low > 1 else "refuted" if found.high < 1 else "undecided"
    return verdict, (
        f"{result['task']['primary']['name']} on validation spreads {found.mean:.3g} [{found.low:.3g}, "
        f"{found.high:.3g}] times as far over the settings tried as over the arms ({found.kind}; within the range of "
        "settings that was searched)"
    )


def _scores(
    result: dict[str, Any], arms: list[dict[str, Any]], trials: int, seeds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Validation scores of each arm's first trials, and of its seeds."""
    primary = result["task"]["primary"]
    scores = {
        f"{kind} {arm['label']}": [one["valid"] if one["status"] == "ok" else None for one in arm[kind][:number]]
        for kind, number in (("tuning", trials), ("seeds", seeds))
        for arm in arms
    }
    filled = fill_failures(scores, lower_is_better=primary["lower_is_better"], worst=primary["chance"])
    tuned, fresh = ([filled[f"{kind} {arm['label']}"] for arm in arms] for kind in ("tuning", "seeds"))
    return np.array(tuned), np.array(fresh)


def _fails_more(statement: FailsMore, result: dict[str, Any]) -> Judged:
    """The two fractions of failed trainings and the interval of their difference (Newcombe's)."""
    more, fewer = (_failures(result, labels) for labels in (statement.more, statement.fewer))
    if not more.trained or not fewer.trained:
        return Judged(statement.says, "undecided", "Not all of the arms were trained.")
    difference = fraction_difference((more.failed, more.trained), (fewer.failed, fewer.trained), level=LEVEL)
    verdict: Verdict = "supported" if difference.low > 0 else "refuted" if difference.high < 0 else "undecided"
    evidence = (
        f"{statement.comparison}: {more.failed} of {more.trained} trainings failed{_broken_off(result, more)} against "
        f"{fewer.failed} of {fewer.trained}{_broken_off(result, fewer)}, a difference of {difference.mean:.3g} "
        f"[{difference.low:.3g}, {difference.high:.3g}] in fractions (Newcombe)."
    )
    return Judged(statement.says, verdict, evidence)


class Failures(NamedTuple):
    """How many trainings failed, how many of them by breaking off, and how many there were."""

    failed: int
    broken_off: int
    trained: int


def _failures(result: dict[str, Any], labels: tuple[str, ...]) -> Failures:
    """Of these arms' seeds and trials, without trials beyond the range of settings."""
    trials = result["config"]["trials"]
    arms = [arm for arm in result["arms"] if arm["label"] in labels]
    trained = [one for arm in arms for one in (*arm["tuning"][:trials], *arm["seeds"])]
    finished = [one for one in trained if one["status"] == "ok"]
    unsolved = sum(not _solved(one, result["task"]) for one in finished) if result["task"]["bimodal"] else 0
    broken_off = len(trained) - len(finished)
    return Failures(broken_off + unsolved, broken_off, len(trained))


def _solved(one: dict[str, Any], task: dict[str, Any]) -> bool:
    """Whether a seed's score on test, or a trial's on validation, is one that solves the task."""
    score = one["valid"] if one.get("test") is None else one["test"]
    if score is None or task["solved_at"] is None:
        return False
    return bool(score <= task["solved_at"] if task["primary"]["lower_is_better"] else score >= task["solved_at"])


def _broken_off(result: dict[str, Any], failures: Failures) -> str:
    """What failing means where it can mean two things."""
    if not result["task"]["bimodal"]:
        return ""
    return f" ({failures.broken_off} broke off, {failures.failed - failures.broken_off} did not solve the task)"
