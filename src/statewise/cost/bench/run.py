"""Layers against torch.nn on this machine, in rounds: in each, every layer and its peer take their turn."""

import copy
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from statewise.contract import Peer, SequenceLayer
from statewise.cost.bench.clock import repeats_of, seconds
from statewise.cost.bench.config import KIND, BenchConfig, Gear
from statewise.cost.bench.floor import Floor, demand, floor
from statewise.cost.bench.gears import Duel, duel
from statewise.cost.bench.machine import Machine, describe_machine, measure_machine
from statewise.cost.parameters import state_bytes
from statewise.cost.waiting import read_clocks, waiting


class Subject(NamedTuple):
    """A layer to time."""

    name: str
    family: str
    peer: Peer
    layer: SequenceLayer


@dataclass(frozen=True)
class Middle:
    """A median with its quartiles."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One layer at one gear."""

    model: str
    family: str
    gear: Gear
    parameters: int
    state_bytes: int
    """Of one row"""
    seconds: Middle
    peer: str
    peer_seconds: Middle
    ratio: Middle
    """Of the layer's time to the peer's, within a round; below 1 the layer is faster"""
    floor: Floor


OnStep = Callable[[int | None, int, str], None]
"""Called with how many measurements are done, none while all is warmed up, of how many, and what comes next"""


@dataclass(frozen=True)
class _Case:
    """What is measured of one layer at one gear."""

    subject: Subject
    gear: Gear
    duel: Duel
    repeats: tuple[int, int]
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)


def run_bench(
    config: BenchConfig,
    subjects: list[Subject],
    *,
    on_step: OnStep = lambda done, total, note: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Time layers; with what, the machine's rates, and a row for each layer and gear, as plain data.

    Args:
        config: the work.
        subjects: made for ``config.width``; they stay as they are.
        on_step: told how far it is.
        should_stop: asked after every round; where it is true, the medians are over the rounds so far.

    Raises:
        UserError: if training is asked for of a layer without gradients.
    """
    total = len(subjects) * len(config.gears) * config.rounds
    on_step(None, total, "measuring this machine")
    machine = measure_machine(config.device)
    cases: list[_Case] = []
    for gear in config.gears:
        for subject in subjects:
            on_step(None, total, f"warming up {subject.name}, {gear}")
            cases.append(_warm_up(subject, gear, config))
    done, began = 0, read_clocks()
    for number in range(config.rounds):
        for case in cases:
            on_step(done, total, f"round {number + 1}: {case.subject.name}, {case.gear}")
            _measure(case, config.device, theirs_first=bool(number % 2))
            done += 1
        if should_stop():
            break
    waited = waiting([(began, read_clocks())], config.device)
    count = f"{len(subjects)} {'layer' if len(subjects) == 1 else 'layers'}"
    return {
        "kind": KIND,
        "title": f"Speed of {count} on {'a GPU' if config.device.startswith('cuda') else 'a CPU'}",
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "environment": describe_machine(config.device),
        "config": asdict(config),
        "rounds": len(cases[0].ours),
        "waited": waited.share,
        "busy": waited.busy,
        "machine": asdict(machine),
        "rows": [asdict(_row(case, config, machine)) for case in cases],
    }


def _warm_up(subject: Subject, gear: Gear, config: BenchConfig) -> _Case:
    layer = copy.deepcopy(subject.layer).to(config.device)
    made = duel(subject.name, layer, subject.peer, gear, config)
    return _Case(subject, gear, made, (repeats_of(made.ours, config.device), repeats_of(made.theirs, config.device)))


def _measure(case: _Case, device: str, *, theirs_first: bool) -> None:
    """One measurement of both, who goes first changing from round to round."""
    sides = [(case.duel.ours, case.repeats[0], case.ours), (case.duel.theirs, case.repeats[1], case.theirs)]
    for work, repeats, times in reversed(sides) if theirs_first else sides:
        times.append(seconds(work, repeats, device))


def _row(case: _Case, config: BenchConfig, machine: Machine) -> Row:
    layer = case.subject.layer
    return Row(
        case.subject.name,
        case.subject.family,
        case.gear,
        sum(parameter.numel() for parameter in layer.parameters()),
        state_bytes(layer),
        middle(case.ours),
        case.duel.peer,
        middle(case.theirs),
        middle([ours / theirs for ours, theirs in zip(case.ours, case.theirs, strict=True)]),
        floor(demand(layer, case.gear, config), machine),
    )


def middle(values: list[float]) -> Middle:
    """Median and quartiles; of one value that value.

    >>> middle([3.0, 1.0, 2.0])
    Middle(median=2.0, low=1.5, high=2.5)
    """
    if len(values) == 1:
        return Middle(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Middle(median, low, high)
