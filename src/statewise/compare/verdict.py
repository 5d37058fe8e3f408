"""What a comparison's scores allow one to conclude: every pair, and the recommendation in words."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from statewise.compare.budget import UNITS
from statewise.compare.config import CompareConfig
from statewise.compare.jobs import ArmRecord, edge_of_arm
from statewise.compare.outcomes import Outcomes
from statewise.compare.result import BUSY_MARK, Baseline, Pair, Recommendation
from statewise.compare.tuning import DECADE, RATE
from statewise.errors import counted
from statewise.metrics.decisions import Decision
from statewise.metrics.intervals import LEVEL
from statewise.metrics.pairs import PairVerdict
from statewise.metrics.summaries import holm
from statewise.tasks.objective import Objective
from statewise.train.closed_form import FACTORS
from statewise.train.convergence import Convergence

FIRM_SEEDS = 10
"""Fewest seeds for a recommendation without a caveat"""
BEATEN = "A simpler rule is the better choice as it stands; an arm needs more updates, a larger budget or more data."
HOW = {"baseline": "no training", "companion": "a companion, tuned alike"}
"""What arms are held against -> how it came to its score"""


def pair_up(outcomes: Outcomes, decision: Decision | None) -> list[Pair]:
    """Every two arms against each other: first the leader's pairs, on which the decision rests, then the others.

    Verdicts stand where Holm's correction agrees: over the leader's pairs, as in the decision, and for the others over
    all pairs. Of the companions only the leader's pair is told.
    """
    if decision is None or not decision.arms:
        return []
    leader, others = decision.arms[0], list(decision.comparisons)
    rest = list(itertools.combinations(others, 2))
    weighed = [outcomes.compare(a, b) for a, b in rest]
    first = holm([pair.p_value for pair in decision.comparisons.values()])
    every = holm([pair.p_value for pair in (*decision.comparisons.values(), *weighed)])[len(others) :]
    found = [_pair(leader, b, decision.comparisons[b], p) for b, p in zip(others, first, strict=True)]
    found += [_pair(a, b, pair, p) for (a, b), pair, p in zip(rest, weighed, every, strict=True)]
    for label in outcomes.runs.keys() - set(outcomes.named):
        pair = outcomes.compare(leader, label)
        found.append(_pair(leader, label, pair, pair.p_value))
    return found


def recommend(
    config: CompareConfig,
    outcomes: Outcomes,
    records: list[ArmRecord],
    baselines: list[Baseline],
    decision: Decision | None,
) -> Recommendation:
    """The verdict in words, and what it rests on."""
    failures = [f"{record.arm.label}: {why}." for record in records if (why := why_unscored(record))]
    if decision is None:
        return Recommendation("undecided", [], "No arm finished a run.", failures)
    verdict, headline, reason = _verdict(outcomes, decision)
    unbeaten = _unbeaten(outcomes, baselines)
    if unbeaten:
        headline = f"{unbeaten} Of the arms: {_inner(headline, outcomes.named)}"
    provisional = verdict != "undecided" and config.seeds < FIRM_SEEDS
    if provisional:
        headline += (
            f" Provisional: it rests on {counted(config.seeds, 'seed')}; a firm recommendation takes {FIRM_SEEDS}."
        )
    rests_on = [
        reason,
        *([BEATEN] if unbeaten else []),
        _what_counts(outcomes),
        f"{counted(config.seeds, 'fresh seed')} an arm, {_tuned(records)}, scored once on test by "
        f"{outcomes.objective.primary.name} ({outcomes.objective.primary.unit}).",
        f"Every arm has the size that comes nearest to a budget of {config.budget:,} {UNITS[config.match]}; embeddings "
        "and readouts are counted apart.",
        *_against_references(outcomes, baselines),
        *_range_of_rates(config, outcomes.objective, records),
        *_penalties(records),
        *_idle(records),
        *_unsolved(records),
        *_busy(records),
        *failures,
    ]
    return Recommendation(
        verdict, list(decision.arms), headline, rests_on, beaten=bool(unbeaten), provisional=provisional
    )


def why_unscored(record: ArmRecord) -> str | None:
    """Why an arm has no score; None where it has one."""
    if record.arm.reason or any(seed["status"] == "ok" for seed in record.seeds):
        return record.arm.reason
    return next((seed["reason"] for seed in record.seeds), "it was not trained")


def _pair(a: str, b: str, pair: PairVerdict, adjusted: float) -> Pair:
    """A pair; a verdict that the correction for many pairs does not bear out is withdrawn."""
    withdrawn = pair.verdict in ("a", "b") and not adjusted < 1 - LEVEL
    return Pair(
        a=a,
        b=b,
        difference=_finite(pair.difference),
        low=_finite(pair.low),
        high=_finite(pair.high),
        probability_of_improvement=_finite(pair.probability_of_improvement),
        n=pair.n,
        kind=pair.kind,
        verdict="undecided" if withdrawn else pair.verdict,
        caveat="not after Holm's correction for many pairs" if withdrawn else pair.caveat,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _verdict(outcomes: Outcomes, decision: Decision) -> tuple[Literal["winner", "tie", "undecided"], str, str]:
    """Verdict, headline and the first reason; where all or none solved a task, that says more than a test of it."""
    labels, solved = list(decision.arms), {label: outcomes.solved(label) for label in outcomes.named}
    if outcomes.objective.bimodal and not any(any(seeds) for seeds in solved.values()):
        best = min(outcomes.named, key=outcomes.loss)
        return "undecided", f"No arm solved the task within this budget; {best} came nearest.", "Give it more steps."
    if outcomes.objective.bimodal and len(labels) > 1 and all(all(solved[label]) for label in labels):
        return "tie", f"{_listed(labels)} all solve it; take the cheapest.", "They solved it with every seed."
    headline = {
        "winner": f"Take {labels[0]}.",
        "tie": f"{_listed(labels)} do equally well; take the cheapest.",
        "undecided": f"Undecided between {_listed(labels)}." if len(labels) > 1 else f"Only {labels[0]} was scored.",
    }[decision.verdict]
    return decision.verdict, headline, decision.reason


def _listed(names: list[str]) -> str:
    """``a, b and c``."""
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _what_counts(outcomes: Outcomes) -> str:
    """The margin, as a sentence."""
    primary = outcomes.objective.primary
    what = (
        "the fraction of seeds that solve the task"
        if outcomes.objective.bimodal
        else f"{primary.name} ({primary.unit})"
    )
    if not outcomes.margin:
        return f"Fixed before: any difference in {what} counts."
    return f"Fixed before: a difference counts from {outcomes.margin:g} in {what} on."


def _references(outcomes: Outcomes, baselines: list[Baseline]) -> Mapping[str, tuple[float, str]]:
    """Baseline or companion -> its score, better when smaller, and which of the two it is."""
    as_loss = outcomes.objective.primary.as_loss
    untrained = {baseline.name: (as_loss(baseline.score), "baseline") for baseline in baselines}
    along = outcomes.runs.keys() - set(outcomes.named)
    return {**untrained, **{label: (outcomes.loss(label), "companion") for label in sorted(along)}}


def _unbeaten(outcomes: Outcomes, baselines: list[Baseline]) -> str:
    """The best baseline or companion that no arm beats, as a sentence; empty where there is none."""
    best = min(outcomes.loss(label) for label in outcomes.named)
    ahead = {name: found for name, found in _references(outcomes, baselines).items() if found[0] < best}
    if not ahead:
        return ""
    name = min(ahead, key=lambda each: ahead[each][0])
    return f"No arm beats {name}: {abs(ahead[name][0]):.4g} against {abs(best):.4g} at best."


def _against_references(outcomes: Outcomes, baselines: list[Baseline]) -> list[str]:
    """Which arms score no better than which baselines and companions, those with the same outcome in one sentence."""
    found: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name, (loss, what) in sorted(_references(outcomes, baselines).items(), key=lambda item: item[1][0]):
        behind = tuple(label for label in outcomes.named if outcomes.loss(label) >= loss)
        unsure = tuple(label for label in outcomes.named if label not in behind and outcomes.worst(label) >= loss)
        found.setdefault((behind, unsure), []).append(f"{name} ({abs(loss):.4g}, {HOW[what]})")
    return [
        told for (behind, unsure), names in found.items() for told in _held_against(names, behind, unsure, outcomes)
    ]


def _held_against(
    references: list[str], behind: Sequence[str], unsure: Sequence[str], outcomes: Outcomes
) -> Iterator[str]:
    """What is to be said of arms that are behind what they are held against, or ahead by less than their interval."""
    every = len(outcomes.named)
    if len(behind) == every:
        yield f"No arm scored better than {_listed(references)}."
    elif behind:
        yield f"{_listed(list(behind))} scored no better than {_listed(references)}."
    if unsure:
        who = "every arm" if len(unsure) == every else _listed(list(unsure))
        yield f"By the intervals of their scores, {who} may be no better than {_listed(references)}."
    elif not behind:
        yield f"Every arm scored better than {_listed(references)}."


def _tuned(records: list[ArmRecord]) -> str:
    """How the settings were come by."""
    trials = _most_trials(records)
    return f"after {trials} tuning trials each, chosen on validation" if trials > 1 else "settings as configured"


def _most_trials(records: list[ArmRecord]) -> int:
    """Tuning trials of an arm in which anything was left to tune."""
    return max(len(record.tuning) for record in records)


def _inner(sentence: str, names: Sequence[str]) -> str:
    """A sentence as it stands within another: in small letters, names as they are."""
    return sentence if sentence.startswith(tuple(names)) else sentence[:1].lower() + sentence[1:]


def _range_of_rates(config: CompareConfig, objective: Objective, records: list[ArmRecord]) -> list[str]:
    """Whether learning rates beyond the range were tried, and whose best one still is the outermost."""
    low, high = config.learning_rates
    tried = {
        record.arm.label: [trial["settings"][RATE] for trial in record.tuning if RATE in trial["settings"]]
        for record in records
        if len(record.tuning) > config.trials
    }
    outside = [
        label for label, rates in tried.items() if any(not low <= rate <= high for rate in rates[config.trials :])
    ]
    found = []
    if outside:
        found.append(
            f"The best learning rate of {', '.join(outside)} lay at an end of the range, {low:g} to {high:g}: every "
            f"arm got {_most_trials(records) - config.trials} trials more, which {', '.join(outside)} spent beyond it."
        )
    for edge, wider in (("lower", (low / DECADE**2, high)), ("upper", (low, high * DECADE**2))):
        if labels := [r.arm.label for r in records if edge_of_arm(config, objective, r) == edge]:
            found.append(
                f"The best learning rate of {', '.join(labels)} is the {'smallest' if edge == 'lower' else 'largest'} "
                f"one tried; a better one may lie beyond: --learning-rates {wider[0]:g},{wider[1]:g} (with another "
                "--out) looks there."
            )
    return found


def _penalties(records: list[ArmRecord]) -> list[str]:
    """Choices on validation that are made within a trial and not counted as one."""
    labels = [record.arm.label for record in records if record.arm.setup.train.readout == "ridge"]
    if not labels:
        return []
    return [
        f"{', '.join(labels)} solved the readout in closed form: no learning rate was tuned, and each trial and seed "
        f"took the best of {len(FACTORS)} penalties on validation."
    ]


def _idle(records: list[ArmRecord]) -> list[str]:
    """What was said for all arms and has no effect on some."""
    without: dict[str, list[str]] = {}
    for record in records:
        for told in record.arm.idle:
            without.setdefault(told, []).append(record.arm.label)
    return [f"{told}, which {', '.join(labels)} had." for told, labels in without.items()]


def _unsolved(records: list[ArmRecord]) -> list[str]:
    """Arms with solvers inside that did not converge; of their seeds the worst."""
    told = []
    for record in records:
        solved = [Convergence(**seed["solver"]) for seed in record.seeds if seed.get("solver")]
        worst = max(solved, key=lambda one: one.unsolved, default=None)
        if worst is not None and worst.unsolved:
            told.append(f"{record.arm.label}: {worst}.")
    return told


def _busy(records: list[ArmRecord]) -> list[str]:
    """Whose times were measured while something else had the processor."""
    waited = {r.arm.label: r.measured["waited"] for r in records if r.measured and r.measured.get("busy")}
    if not waited:
        return []
    told = ", ".join(f"{label} ({share:.0%} of the time)" for label, share in waited.items())
    return [
        f"The machine was busy: something else had the processor while the times marked with {BUSY_MARK} were "
        f"measured, those of {told}. The same command on a quiet machine measures them again."
    ]
