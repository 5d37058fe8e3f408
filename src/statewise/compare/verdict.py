"""What a comparison's scores allow one to conclude: the decision, every pair, the recommendation in words."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

from statewise.compare.config import CompareConfig
from statewise.compare.experiment import ArmRecord
from statewise.compare.tuning import RATE, RATE_RANGE, edge_of
from statewise.metrics.decisions import Decision, decide, decide_solved
from statewise.metrics.intervals import LEVEL
from statewise.metrics.pairs import PairVerdict, compare_pair, compare_solved
from statewise.metrics.summaries import holm
from statewise.tasks.base import Task

MARGIN = 0.01
"""Differences within this fraction of the best score are a tie"""

Data = dict[str, Any]


def is_solved(score: float | None, task: Task) -> bool:
    """Whether a test score counts as having solved a task."""
    at = task.solved_at
    if score is None or at is None:
        return False
    return score <= at if task.primary.lower_is_better else score >= at


def decide_arms(task: Task, arms: list[Data]) -> Decision | None:
    """The decision between the arms that a person named; baselines take no part. None where none finished a run."""
    ready = _named(arms)
    if not ready:
        return None
    if task.bimodal:
        return decide_solved({arm["label"]: _solved(arm, task) for arm in ready})
    return decide(
        {arm["label"]: _scores(arm) for arm in ready},
        lower_is_better=task.primary.lower_is_better,
        margin=_margin(task, ready),
        worst=task.chance(),
    )


def pair_up(task: Task, arms: list[Data], decision: Decision | None) -> list[Data]:
    """Every two arms against each other: first the leader's pairs, on which the decision rests, then the others.

    Verdicts stand where Holm's correction agrees: over the leader's pairs, as in the decision, and for the others over
    all pairs. Of the baselines only the leader's pair is told.
    """
    if decision is None or not decision.arms:
        return []
    leader, ready = decision.arms[0], {arm["label"]: arm for arm in arms if arm["status"] == "ok"}
    rivals = list(decision.comparisons)
    others = list(itertools.combinations(rivals, 2))
    weighed = [_weigh(task, ready[a], ready[b], _margin(task, _named(arms))) for a, b in others]
    first = holm([pair.p_value for pair in decision.comparisons.values()])
    every = holm([pair.p_value for pair in (*decision.comparisons.values(), *weighed)])[len(rivals) :]
    found = [_pair(leader, b, decision.comparisons[b], p) for b, p in zip(rivals, first, strict=True)]
    found += [_pair(a, b, pair, p) for (a, b), pair, p in zip(others, weighed, every, strict=True)]
    for label, arm in ready.items():
        if arm["baseline"]:
            pair = _weigh(task, ready[leader], arm, _margin(task, _named(arms)))
            found.append(_pair(leader, label, pair, pair.p_value))
    return found


def recommend(
    config: CompareConfig,
    task: Task,
    records: list[ArmRecord],
    arms: list[Data],
    baselines: list[Data],
    decision: Decision | None,
) -> Data:
    """The verdict in words, and what it rests on."""
    if decision is None:
        return {"verdict": "undecided", "arms": [], "headline": "No arm finished a run.", "rests_on": _failures(arms)}
    verdict, headline, reason = _verdict(task, arms, decision)
    unbeaten = _unbeaten(task, arms, baselines, decision)
    if unbeaten:
        headline += f" But {' and '.join(unbeaten)} ({_plural('baseline', unbeaten)}) scored better."
    rests_on = [
        reason,
        f"{config.seeds} fresh seed(s) an arm, after {config.trials} tuning trial(s) each, chosen on validation, "
        f"scored once on test by {task.primary.name} ({task.primary.unit}).",
        f"Every arm was made as wide as a budget of {config.budget:,} {config.match} allows; embeddings and "
        "readouts are counted apart.",
        *_against_baselines(task, arms, baselines),
        *_edges(records),
        *_failures(arms),
    ]
    return {"verdict": verdict, "arms": list(decision.arms), "headline": headline, "rests_on": rests_on}


def _named(arms: list[Data]) -> list[Data]:
    """The finished arms that a person named."""
    return [arm for arm in arms if arm["status"] == "ok" and not arm["baseline"]]


def _scores(arm: Data) -> list[float | None]:
    return [seed.get("test") for seed in arm["seeds"]]


def _solved(arm: Data, task: Task) -> list[bool]:
    return [is_solved(score, task) for score in _scores(arm)]


def _margin(task: Task, ready: list[Data]) -> float:
    """The smallest difference that matters; of solved fractions, any."""
    means = [abs(arm["score"]["mean"]) for arm in ready]
    return MARGIN * (min(means) if task.primary.lower_is_better else max(means))


def _weigh(task: Task, a: Data, b: Data, margin: float) -> PairVerdict:
    if task.bimodal:
        return compare_solved(_solved(a, task), _solved(b, task))
    lower = task.primary.lower_is_better
    return compare_pair(_scores(a), _scores(b), lower_is_better=lower, margin=margin, worst=task.chance())


def _pair(a: str, b: str, pair: PairVerdict, adjusted: float) -> Data:
    """A pair as plain data; a verdict that the correction for many pairs does not bear out is withdrawn."""
    withdrawn = pair.verdict in ("a", "b") and not adjusted < 1 - LEVEL
    names = ("difference", "low", "high", "probability_of_improvement", "n", "kind")
    return {
        "a": a,
        "b": b,
        **{name: _finite(getattr(pair, name)) for name in names},
        "verdict": "undecided" if withdrawn else pair.verdict,
        "caveat": "not after Holm's correction for many pairs" if withdrawn else pair.caveat,
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _verdict(task: Task, arms: list[Data], decision: Decision) -> tuple[str, str, str]:
    """Verdict, headline and the first reason; where all or none solved a task, that says more than a test of it."""
    labels, named = list(decision.arms), _named(arms)
    fractions = {arm["label"]: arm["solved"]["fraction"] for arm in named if arm["solved"]}
    if fractions and not any(fractions.values()):
        best = min(named, key=lambda arm: _cost(task, arm["score"]["mean"]))["label"]
        return "undecided", f"No arm solved the task within this budget; {best} came nearest.", "Give it more steps."
    if len(labels) > 1 and all(fractions.get(label) == 1 for label in labels):
        return "tie", f"{' and '.join(labels)} all solve it; take the cheapest.", "They solved it with every seed."
    headline = {
        "winner": f"Take {labels[0]}.",
        "tie": f"{' and '.join(labels)} do equally well; take the cheapest.",
        "undecided": f"Undecided between {', '.join(labels)}." if len(labels) > 1 else f"Only {labels[0]} was scored.",
    }[decision.verdict]
    return decision.verdict, headline, decision.reason


def _plural(noun: str, things: list[str]) -> str:
    return f"a {noun}" if len(things) == 1 else f"{noun}s"


def _cost(task: Task, score: float) -> float:
    """A score as something that is better when smaller."""
    return score if task.primary.lower_is_better else -score


def _rivals(arms: list[Data], baselines: list[Data]) -> Mapping[str, tuple[float, str]]:
    """Baseline -> its score and what it is: rules that need no training, and models that ran along."""
    untrained = {b["name"]: (b["score"], "untrained") for b in baselines if b["score"] is not None}
    trained = {a["label"]: (a["score"]["mean"], "tuned alike") for a in arms if a["baseline"] and a["score"]}
    return {**untrained, **trained}


def _unbeaten(task: Task, arms: list[Data], baselines: list[Data], decision: Decision) -> list[str]:
    """Baselines that score better than every arm that is recommended."""
    best = min(_cost(task, arm["score"]["mean"]) for arm in arms if arm["label"] in decision.arms)
    return [name for name, (score, _) in _rivals(arms, baselines).items() if _cost(task, score) < best]


def _against_baselines(task: Task, arms: list[Data], baselines: list[Data]) -> list[str]:
    """For each baseline, which arms score no better than it."""
    found = []
    for name, (score, how) in _rivals(arms, baselines).items():
        behind = [arm["label"] for arm in _named(arms) if _cost(task, arm["score"]["mean"]) >= _cost(task, score)]
        said = f"{', '.join(behind)} scored no better" if behind else "every arm scored better"
        found.append(f"Against the baseline {name} ({score:.4g}, {how}): {said}.")
    return found


def _edges(records: list[ArmRecord]) -> list[str]:
    """Learning rates that were tuned and chosen at an end of the range."""
    found = {"lower": list[str](), "upper": list[str]()}
    for record in records:
        if len(record.tuning) > 1 and RATE in record.tuning[0]["settings"]:
            edge = edge_of(record.chosen.setup.train.learning_rate)
            if edge:
                found[edge].append(record.arm.label)
    low, high = RATE_RANGE
    return [
        f"The best learning rate of {', '.join(labels)} lies at the {end} end of the range tried, {low:g} to {high:g}; "
        "a better one may lie beyond."
        for end, labels in found.items()
        if labels
    ]


def _failures(arms: list[Data]) -> list[str]:
    return [f"{arm['label']}: {arm['reason']}." for arm in arms if arm["reason"]]
