"""Every arm's runs with the failed ones priced once, so that table, ranking, verdict and pairs speak of one number."""

from dataclasses import dataclass
from typing import Any

from statewise.compare.config import CompareConfig
from statewise.compare.jobs import ArmRecord
from statewise.metrics.decisions import Decision, decide, decide_solved
from statewise.metrics.failures import fill_failures
from statewise.metrics.intervals import mean_interval
from statewise.metrics.pairs import PairVerdict, Rule, Runs, collect_runs, compare_runs, compare_solved
from statewise.tasks.objective import Objective
from statewise.tasks.task import Task


@dataclass(frozen=True)
class Outcomes:
    """What came of all arms that could be trained."""

    objective: Objective
    margin: float
    """The smallest difference that counts, fixed before anything was run"""
    runs: dict[str, Runs]
    """Of every arm with a finished run, companions included"""
    tuning: dict[str, list[float]]
    """Validation scores of its trials, failed ones at their price; of every arm that was tuned with any success"""
    named: tuple[str, ...]
    """Arms with a finished run that a person named; companions take no part in the decision"""

    @property
    def unit(self) -> str:
        """Of a difference between arms: which way is better, and how much counts."""
        better = "lower" if self.objective.primary.lower_is_better else "higher"
        score = f"{self.objective.primary.name}, {better} is better"
        least = f", where up to {self.margin:g} counts as none" if self.margin else ""
        return f"{'the fraction of seeds that solved it' if self.objective.bimodal else score}{least}"

    def mean(self, label: str) -> float:
        """An arm's mean test score over all its seeds."""
        return float(self.runs[label].filled.mean())

    def loss(self, label: str) -> float:
        """``mean`` as something that is better when smaller."""
        return self.objective.primary.as_loss(self.mean(label))

    def worst(self, label: str) -> float:
        """The worse end of the interval of the mean, as ``loss``; the loss itself of a single seed, which has none."""
        found = mean_interval(self.runs[label].filled)
        as_loss = self.objective.primary.as_loss
        return max(as_loss(found.low), as_loss(found.high)) if found.n > 1 else self.loss(label)

    def solved(self, label: str) -> list[bool]:
        """For each seed, whether it solved the task."""
        return [bool(self.objective.is_solved(score)) for score in self.runs[label].scores]

    def compare(self, a: str, b: str) -> PairVerdict:
        """Two arms by what decides: the fraction of seeds that solved a bimodal task, else the score."""
        rule = Rule(self.margin)
        if self.objective.bimodal:
            return compare_solved(self.solved(a), self.solved(b), rule)
        return compare_runs(self.runs[a], self.runs[b], rule, lower_is_better=self.objective.primary.lower_is_better)

    def decide(self) -> Decision | None:
        """The decision between the named arms; None where none finished a run."""
        if not self.named:
            return None
        if self.objective.bimodal:
            nearest_first = sorted(self.named, key=self.loss)
            return decide_solved({label: self.solved(label) for label in nearest_first}, margin=self.margin)
        named = {label: self.runs[label] for label in self.named}
        return decide(named, lower_is_better=self.objective.primary.lower_is_better, margin=self.margin)


def collect_outcomes(config: CompareConfig, task: Task, records: list[ArmRecord]) -> Outcomes:
    """The outcomes of a finished experiment: a failed run counts as chance, or as the worst finished one if worse."""
    lower, worst = task.primary.lower_is_better, task.chance()
    tests = {r.arm.label: [seed.get("test") for seed in r.seeds] for r in records if r.seeds}
    examples = {r.arm.label: [seed.get("examples") or [] for seed in r.seeds] for r in records}
    runs = collect_runs(tests, lower_is_better=lower, worst=worst, examples=examples) if tests else {}
    finished = {label: runs[label] for label, scores in tests.items() if any(s is not None for s in scores)}
    trials = {r.arm.label: [_valid(trial) for trial in r.tuning] for r in records}
    filled = fill_failures(trials, lower_is_better=lower, worst=worst)
    tuned = {label: filled[label].tolist() for label, scores in trials.items() if any(s is not None for s in scores)}
    named = tuple(r.arm.label for r in records if r.arm.label in finished and not r.arm.companion)
    assert config.margin is not None, "the margin is fixed before anything is run"
    return Outcomes(task, config.margin, finished, tuned, named)


def _valid(trial: dict[str, Any]) -> float | None:
    return trial.get("valid") if trial["status"] == "ok" else None
