"""Time and memory of one arm, measured alone in a fresh process on one thread, trained as the arm is trained."""

import statistics
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from statewise.contract import Model
from statewise.cost.timing import peak_memory_mb, step_latency
from statewise.cost.waiting import Clocks, read_clocks, waiting
from statewise.tasks.data import TaskData
from statewise.tasks.task import Task
from statewise.train.config import TrainConfig
from statewise.train.start import make_trainer
from statewise.used import without_idle

WARM_UP = 2
"""Updates that are not timed: the first allocate and compile"""
TIMED = 7
"""Updates whose median is told"""
UPDATES = WARM_UP + TIMED
NEVER = 10**9


class _Moment(NamedTuple):
    """Between two updates."""

    clocks: Clocks
    tokens: int
    """Trained on so far"""


def measure(model: Model, task: Task, train: TrainConfig, *, trained_on: TaskData | None = None) -> dict[str, Any]:
    """Microseconds a step of one row, tokens a second of training, and peak memory of both.

    Beside them ``waited``, the share of that time in which the process had no processor, and whether the machine was
    too ``busy`` for the times to be compared.

    Args:
        model: is moved to the arm's device.
        task: gives loss and scores.
        train: the arm's own: optimizer, precision, accumulation, readout and device are its own; what is timed is the
            whole model on full lengths, where training began with less.
        trained_on: gives the training batches; ``None`` = ``task``.
    """
    timed_as = replace(train, steps=UPDATES, evaluate_every=NEVER, curriculum="none", pretraining="none")
    trainer = make_trainer(model, task, without_idle(timed_as), trained_on=trained_on)
    moments = [_Moment(read_clocks(), 0)]
    trainer.run(
        on_step=lambda step, loss: moments.append(_Moment(read_clocks(), trainer.progress.tokens)),
        should_stop=lambda: len(moments) == UPDATES,
    )
    timed = moments[WARM_UP:]
    paces = [(now.tokens - then.tokens) / (now.clocks.wall - then.clocks.wall) for then, now in pairwise(timed)]
    before = read_clocks()
    latency = step_latency(model)
    waited = waiting([(timed[0].clocks, timed[-1].clocks), (before, read_clocks())], train.device)
    return {
        "step_latency_us": latency,
        "tokens_per_second": statistics.median(paces),
        "peak_memory_mb": peak_memory_mb(train.device),
        "waited": waited.share,
        "busy": waited.busy,
    }
