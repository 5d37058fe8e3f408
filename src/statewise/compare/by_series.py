"""How every arm scores on each of a task's several series."""

from collections.abc import Sequence
from statistics import median

from statewise.compare.jobs import ArmRecord
from statewise.compare.result import SeriesScores
from statewise.tasks.task import Task


def scores_by_series(task: Task, records: Sequence[ArmRecord]) -> list[SeriesScores]:
    """The primary test score on each series, the median over an arm's finished seeds, and those of simple rules."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in task.series}
    for record in records:
        for seed in record.seeds:
            for name, score in seed.get("by_series", {}).items():
                found[name].setdefault(record.arm.label, []).append(score)
    return [
        SeriesScores(
            name,
            {arm: median(scores) for arm, scores in arms.items()},
            {rule: metrics[task.primary.name] for rule, metrics in task.baselines_of(name).items()},
        )
        for name, arms in found.items()
    ]
