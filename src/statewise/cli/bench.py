"""``statewise bench``."""

import json
from collections.abc import Iterable
from itertools import groupby
from typing import Any, cast

from rich.table import Table

from statewise.api.benching import bench_models
from statewise.cli import verbs
from statewise.cli.console import console
from statewise.cli.parsing import parse_list
from statewise.cli.watch import StopAsked, Watch
from statewise.cost.bench.config import BenchConfig, Gear
from statewise.errors import counted

HEADS = ("model", "time", "quartiles", "peer", "its time", "ratio", "floor", "x floor")
UNITS = {"forward": ("ms", 1e3), "training": ("ms", 1e3), "step": ("µs", 1e6)}
"""Gear -> the unit of its times, and how many of it a second has"""


def run(verb: verbs.Bench, command: str) -> None:
    """Time layers, print a table for each gear, write the report."""
    config = make_config(verb)
    with Watch("measurements", total=1) as watch, StopAsked() as asked:

        def at(done: int | None, total: int, note: str) -> None:
            if done is not None and not watch.begun:
                watch.begin(0, unlike=total // config.rounds)
            watch.at(done or 0, note, total=total)

        found = bench_models(config, verb.out or "bench", command=command, on_step=at, should_stop=asked)
    print_tables(found.result)
    if found.result["rounds"] < config.rounds:
        print(f"stopped after round {found.result['rounds']} of {config.rounds}")
    print(f"report: {found.report}")
    if verb.json:
        print(json.dumps(found.result))


def make_config(verb: verbs.Bench) -> BenchConfig:
    """The bench that the flags describe; what no flag says is the library's default."""
    said: dict[str, Any] = verbs.given(verb, "batch", "length", "width", "streams", "rounds", "device")
    if verb.models:
        said["models"] = parse_list(verb.models)
    if verb.gears is not None:
        said["gears"] = cast(tuple[Gear, ...], parse_list(verb.gears))
    return BenchConfig(**said)


def print_tables(result: dict[str, Any]) -> None:
    """A table for each gear, and what its floors rest on."""
    out = console()
    for gear, rows in groupby(result["rows"], key=lambda row: row["gear"]):
        out.print(_table(gear, rows, result["config"]))
    machine = result["machine"]
    rates = ", ".join(f"{rate / 1e9:.3g} GB/s at {size / 2**10:,.0f} KiB" for size, rate in machine["copy_rates"][::3])
    rounds = counted(result["rounds"], "round")
    print(
        f"Medians of {rounds} in which all took turns. Ratio: the median of those to the peer's time\n"
        "in the same round, which need not be one median time over the other; below 1 is faster.\n"
        "Floor: the longer of the bytes that must move at the rate of a copy, and the operations of the\n"
        "layer's steps at the rate of a matrix product. This machine, measured at the start:\n"
        f"{machine['product_rate'] / 1e9:.3g} GFLOP/s; {rates}."
    )
    if result["busy"]:
        print(
            f"The machine was busy: something else had the processor for {result['waited']:.0%} of the rounds.\n"
            "Ratios suffer least, as both sides were slowed, and the page has their quartiles; times, and\n"
            "what they are of the floor, are too long."
        )


def _table(gear: str, rows: Iterable[dict[str, Any]], config: dict[str, Any]) -> Table:
    unit, scale = UNITS[gear]
    work = f"{config['batch']} x {config['length']} steps" if gear != "step" else f"one step of {config['streams']}"
    table = Table(title=f"{gear}: {work}, width {config['width']}, times in {unit}", title_justify="left")
    for head in HEADS:
        table.add_column(head, justify="left" if head in ("model", "peer") else "right", no_wrap=head == "model")
    for row in rows:
        ours, peer, floor = row["seconds"], row["peer_seconds"]["median"], row["floor"]["seconds"]
        table.add_row(
            row["model"],
            _told(scale * ours["median"]),
            f"{_told(scale * ours['low'])} to {_told(scale * ours['high'])}",
            row["peer"],
            _told(scale * peer),
            f"{row['ratio']['median']:.2f}",
            _told(scale * floor),
            _told(ours["median"] / floor),
        )
    return table


def _told(value: float) -> str:
    """Three digits, or all that stand before the point.

    >>> _told(0.012345), _told(1234.5)
    ('0.0123', '1,234')
    """
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
