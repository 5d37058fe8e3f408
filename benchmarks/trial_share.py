"""Where a comparison's trial spends its time: ``python benchmarks/trial_share.py [--steps 100]``.

Every trial runs twice in a process of its own, as in a comparison's persistent worker: the first time it pays for what
a process pays once, the second is what a comparison is made of. ``steps`` is the share of the second trial's time
inside training updates and evaluations, those by length at the end too, which ought to be 90 % or more; what is done
with every test example counts as neither. ``arithmetic`` leaves out making the batches. Time is the processor's, which
leaves out what other processes take. A default trial has ten times as many updates: what a trial pays once weighs more
here. All of it takes about four minutes.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple, ParamSpec, TypeVar

from statewise.compare import trial
from statewise.compare.arms import evaluated_lengths, make_arms
from statewise.compare.config import CompareConfig
from statewise.compare.trial import TrialSpec, run_trial
from statewise.train import loop
from statewise.workbench import WORKBENCH

GOAL = 0.9
TRIALS = [
    (task, budget, model)
    for task in ("recall", "language")
    for budget in (30_000, 100_000)
    for model in ("lstm", "min-gru", "attention")
]


Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Share(NamedTuple):
    """Processor seconds of one trial, and those of its parts."""

    whole: float
    steps: float
    batches: float


class Stopwatch:
    """Adds up the processor time inside the outermost of the calls it watches."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.inside = False

    def watch(self, function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """``function``, timed."""

        def timed(*args: Arguments.args, **keywords: Arguments.kwargs) -> Result:
            if self.inside:
                return function(*args, **keywords)
            self.inside, began = True, time.process_time()
            try:
                return function(*args, **keywords)
            finally:
                self.seconds += time.process_time() - began
                self.inside = False

        return timed

    def watch_items(self, function: Callable[Arguments, Iterator[Result]]) -> Callable[Arguments, Iterator[Result]]:
        """``function``, the time between two items of what it yields left out."""

        def timed(*args: Arguments.args, **keywords: Arguments.kwargs) -> Iterator[Result]:
            items = function(*args, **keywords)
            take = self.watch(lambda: next(items, None))
            while (item := take()) is not None:
                yield item

        return timed


def make_spec(task_name: str, budget: int, model: str, steps: int) -> TrialSpec:
    """A confirming trial of a comparison with everything else at its default."""
    config = CompareConfig(task=task_name, budget=budget, models=(model,))
    task = WORKBENCH.make_task(task_name, {})
    arm = make_arms(config, task, WORKBENCH)[0]
    lengths = evaluated_lengths(config, task)
    train = replace(arm.setup.train, steps=steps, evaluate_every=max(1, steps // 10))
    return TrialSpec(task_name, {}, {}, arm.fingerprint, arm.source, arm.setup.model, train, lengths, test=True)


def measure(task_name: str, budget: int, model: str, steps: int) -> list[Share]:
    """The same trial twice in this process."""
    spec = make_spec(task_name, budget, model, steps)
    return [measure_once(spec), measure_once(spec)]


def measure_once(spec: TrialSpec) -> Share:
    """One trial under three stopwatches."""
    in_steps, in_batches = Stopwatch(), Stopwatch()
    kept = loop.Trainer.update, loop.evaluate, trial.evaluate
    task_class = type(WORKBENCH.make_task(spec.task, spec.task_options))
    batches = task_class.train_batch, task_class.evaluation
    loop.Trainer.update = in_steps.watch(kept[0])  # type: ignore[method-assign]
    loop.evaluate, trial.evaluate = in_steps.watch(kept[1]), in_steps.watch(kept[2])
    task_class.train_batch = in_batches.watch(batches[0])  # type: ignore[method-assign]
    task_class.evaluation = in_batches.watch_items(batches[1])  # type: ignore[method-assign]
    began = time.process_time()
    try:
        run_trial(spec, WORKBENCH)
        whole = time.process_time() - began
    finally:
        loop.Trainer.update, loop.evaluate, trial.evaluate = kept  # type: ignore[method-assign]
        task_class.train_batch, task_class.evaluation = batches  # type: ignore[method-assign]
    return Share(whole, in_steps.seconds, in_batches.seconds)


def main(steps: int) -> None:
    """Print one line a trial."""
    print(f"{'task':9} {'budget':>7} {'model':10} {'first':>8} {'second':>8} {'steps':>6} {'arithmetic':>10}")
    for task, budget, model in TRIALS:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            first, second = pool.apply(measure, (task, budget, model, steps))
        share = second.steps / second.whole
        arithmetic = (second.steps - second.batches) / second.whole
        seconds = f"{first.whole:6.1f} s {second.whole:6.1f} s"
        verdict = "" if share >= GOAL else "  below the goal"
        print(f"{task:9} {budget:7,} {model:10} {seconds} {share:6.1%} {arithmetic:10.1%}{verdict}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100, help="parameter updates a trial")
    main(parser.parse_args().steps)
