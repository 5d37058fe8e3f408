"""Compare models, once or as a study."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from statewise import report
from statewise.api.reporting import STUDY_PAGE, write_page
from statewise.compare.config import CompareConfig
from statewise.compare.experiment import OnEvent
from statewise.compare.run import run_comparison
from statewise.compare.study import Part, Study
from statewise.compare.study_result import finished_parts, open_study, write_study
from statewise.tasks.resolve import name_task
from statewise.tasks.task import Task
from statewise.train.device import check_device
from statewise.workbench import WORKBENCH


@dataclass(frozen=True)
class Comparison:
    """A finished comparison."""

    folder: Path
    result: dict[str, Any]
    """Everything that was found out, as plain data; also ``result.json`` in the folder"""
    report: Path
    """The HTML page"""

    @property
    def winner(self) -> str | None:
        """The one arm that is recommended; None where several are, or none."""
        recommendation = self.result["recommendation"]
        return recommendation["arms"][0] if recommendation["verdict"] == "winner" else None

    @property
    def scores(self) -> dict[str, float | None]:
        """Arm -> its mean test score over the seeds; None where no run finished."""
        return {arm["label"]: arm["score"] and arm["score"]["mean"] for arm in self.result["arms"]}

    def __str__(self) -> str:
        """The recommendation and what it rests on."""
        recommendation = self.result["recommendation"]
        return "\n  ".join([recommendation["headline"], *recommendation["rests_on"]])


def compare_models(
    config: CompareConfig,
    folder: str | Path,
    *,
    command: str = "",
    on_begin: Callable[[Task], None] = lambda task: None,
    on_event: OnEvent = lambda event: None,
) -> Comparison:
    """Compare models on a task and write the report; ``statewise compare`` from Python.

    Started again with the same folder it goes on where it was stopped. In a script, the call has to stand under
    ``if __name__ == "__main__":``, as worker processes import the script; a notebook needs nothing.

    Args:
        config: what is compared; ``config.task`` may be the path of a text or CSV file.
        folder: where results go.
        command: what the report says to do to have it again; empty = this call.
        on_begin: told the task, once it is sure that nothing stands against the comparison.
        on_event: called when a trial begins or ends.

    Raises:
        UserError: if the config, data or folder will not do.

    >>> import tempfile
    >>> from statewise.train.config import TrainConfig
    >>> config = CompareConfig(task="parity", models=("rnn", "gru"), budget=500, depth=1, seeds=1, trials=1,
    ...                        lengths=(40,), train=TrainConfig(steps=2), workers=1, measure=False)
    >>> found = compare_models(config, tempfile.mkdtemp())
    >>> sorted(found.scores), found.report.name
    (['gru', 'rnn'], 'report.html')
    """
    task, options = name_task(config.task)
    config = replace(config, task=task, task_options={**options, **config.task_options})
    command = command or f"statewise.compare_models({config!r}, {str(folder)!r})"
    folder = Path(folder)
    result = run_comparison(config, WORKBENCH, folder, command=command, on_begin=on_begin, on_event=on_event)
    return Comparison(folder, result, write_page(report.render_comparison, result, folder))


def run_study(
    study: Study,
    folder: str | Path,
    *,
    command: str = "",
    on_part: Callable[[Part], None] = lambda part: None,
    on_event: OnEvent = lambda event: None,
) -> dict[str, Any]:
    """Run the comparisons of a study one after the other, judge its statements, and return what came of it.

    ``statewise compare gated-units`` from Python. Each comparison has a folder within ``folder`` and goes on where it
    was stopped, as in `compare_models`; ``study.html`` links to all of them, from the first that is finished on.

    Args:
        study: of ``statewise.compare.presets``, or your own.
        folder: where results go.
        command: what the page says to do to have it again; empty = this call.
        on_part: called when a comparison begins.
        on_event: called when a trial begins or ends.

    Raises:
        UserError: if a config, data or folder will not do.
    """
    for part in study.parts:
        check_device(part.config.train)
    folder = Path(folder)
    command = command or f"statewise.run_study({study!r}, {str(folder)!r})"
    open_study(folder, study)
    results = finished_parts(folder, study)
    for part in study.parts:
        on_part(part)
        results[part.name] = compare_models(part.config, folder / part.name, on_event=on_event).result
        result = write_study(folder, study, results, command)
        write_page(report.render_study, result, folder, STUDY_PAGE)
    return result
