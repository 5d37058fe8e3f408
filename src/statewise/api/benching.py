"""Time layers on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from statewise import report
from statewise.api.reporting import write_page
from statewise.cost.bench.config import BenchConfig, Gear
from statewise.cost.bench.folder import check_folder, write_bench
from statewise.cost.bench.run import OnStep, Subject, run_bench
from statewise.models.bare import bare_layer
from statewise.models.resolve import pattern_of
from statewise.storage import made
from statewise.train.config import TrainConfig
from statewise.train.device import check_device


@dataclass(frozen=True)
class Bench:
    """What was timed."""

    folder: Path
    result: dict[str, Any]
    """Everything that was measured, as plain data; also ``result.json`` in the folder"""
    report: Path
    """The HTML page"""

    def ratio(self, model: str, gear: Gear) -> float:
        """A model's time to torch.nn's, the median over the rounds."""
        rows = self.result["rows"]
        return next(row["ratio"]["median"] for row in rows if (row["model"], row["gear"]) == (model, gear))


def bench_models(
    config: BenchConfig,
    folder: str | Path,
    *,
    command: str = "",
    on_step: OnStep = lambda done, total, note: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Bench:
    """Time layers on this machine against torch.nn and write the report; ``statewise bench`` from Python.

    Args:
        config: which layers, at what work.
        folder: where results go; those of an earlier bench there are replaced.
        command: what the report says to do to have it again; empty = this call.
        on_step: told how many measurements are done, of how many, and what comes next.
        should_stop: asked after every round; where it is true, that round was the last.

    Raises:
        UserError: if the config or folder will not do, or a layer cannot be made so wide.

    >>> import tempfile
    >>> config = BenchConfig(models=("gru",), batch=1, length=2, width=4, gears=("forward",), rounds=1)
    >>> bench_models(config, tempfile.mkdtemp()).ratio("gru", "forward") > 0
    True
    """
    check_device(TrainConfig(device=config.device))
    subjects = _subjects(config)
    folder = Path(folder)
    check_folder(folder)
    with made(folder):
        result = run_bench(config, subjects, on_step=on_step, should_stop=should_stop)
    result["command"] = command or f"statewise.bench_models({config!r}, {str(folder)!r})"
    write_bench(folder, result)
    return Bench(folder, result, write_page(report.render_bench, result, folder))


def _subjects(config: BenchConfig) -> list[Subject]:
    """The layers, whose weights are the same on every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        patterns = [pattern_of(name, context_length=config.length) for name in config.models]
        return [Subject(p.name, p.family, p.peer, bare_layer(p, config.width)) for p in patterns]
