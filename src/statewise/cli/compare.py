"""``statewise compare``."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from statewise.api.comparing import compare_models
from statewise.cli import study, verbs
from statewise.cli.comparison_table import print_result
from statewise.cli.parsing import folder_name, parse_choices, parse_fields, parse_list, parse_number
from statewise.cli.trials import Trials
from statewise.compare.config import CompareConfig
from statewise.compare.presets import PRESETS
from statewise.errors import UserError
from statewise.tasks.presentation import Presentation
from statewise.tasks.resolve import name_task
from statewise.train.config import TrainConfig

CURVE_POINTS = 10
"""Evaluations that a short training has at least, so that there is a curve to see"""
QUICK = CompareConfig(
    models=("lstm", "gru", "min-gru", "attention"),
    budget=10_000,
    seeds=3,
    trials=1,
    measure=False,
    train=TrainConfig(steps=250, evaluate_every=50, learning_rate=1e-2),
)
"""What ``--quick`` starts from; so few updates need a higher learning rate than the usual one"""


def run(verb: verbs.Compare, command: str) -> None:
    """Compare, print the table, write the report; or run a study."""
    if verb.task in PRESETS:
        study.run(verb, PRESETS[verb.task], command)
        return
    config = make_config(verb)
    folder = Path(verb.out or f"comparisons/{folder_name(verb.task)}{'-quick' if verb.quick else ''}")
    with Trials() as trials:
        found = compare_models(config, folder, command=command, on_begin=_tell, on_event=trials.show)
    print_result(found.result)
    print(f"report: {found.report}")
    if verb.json:
        print(json.dumps({"report": str(found.report), **found.result["recommendation"]}))
    _refuse_failure(found.result["arms"], folder)


def _tell(task: Presentation) -> None:
    for note in task.notes:
        print(note, flush=True)


def make_config(verb: verbs.Compare) -> CompareConfig:
    """The comparison that the flags describe; what no flag says is the default's, or the taste's."""
    base = QUICK if verb.quick else CompareConfig()
    asked = verbs.given(verb, "match", "depth", "seeds", "trials", "workers", "margin")
    if verb.models is not None:
        asked["models"] = parse_list(verb.models)
    if verb.budget is not None:
        asked["budget"] = parse_number(verb.budget)
    if verb.learning_rates is not None:
        asked["learning_rates"] = _range(verb.learning_rates)
    task, options = name_task(verb.task, beside=PRESETS)
    return replace(
        base,
        task=task,
        task_options={**options, **parse_fields(verb.task_options)},
        vary=parse_choices(verb.vary),
        fixed=parse_fields(verb.set),
        lengths=_lengths(verb.lengths),
        hypotheses=verb.hypotheses,
        companions=verb.companions,
        train=_training(base.train, verb),
        **asked,
    )


def _lengths(text: str) -> tuple[int, ...]:
    lengths = parse_list(text)
    if not all(length.isdigit() for length in lengths):
        raise UserError(f"--lengths takes whole numbers separated by commas, got '{text}'")
    return tuple(int(length) for length in lengths)


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = map(float, parse_list(text))
    except ValueError:
        raise UserError(f"--learning-rates takes two numbers, such as 1e-4,3e-2; got '{text}'") from None
    return low, high


def _training(base: TrainConfig, verb: verbs.Compare) -> TrainConfig:
    """How every arm is trained: as usual where its length is said, and looked at oftener where that is short."""
    asked = verbs.given(verb, "steps", "device")
    if "steps" in asked:
        base = TrainConfig()
        asked["evaluate_every"] = max(1, min(TrainConfig.evaluate_every, asked["steps"] // CURVE_POINTS))
    return replace(base, **asked)


def _refuse_failure(arms: list[dict[str, Any]], folder: Path) -> None:
    """Raise a ``UserError`` with the first reason where no arm that was asked for has a score."""
    asked = [arm for arm in arms if not arm["companion"]]
    if not any(arm["score"] for arm in asked):
        raise UserError(
            f"no arm finished a run; {asked[0]['label']}: {asked[0]['reason']}; mend that and run the same command "
            f"again (what was tried stands in {folder})"
        )
