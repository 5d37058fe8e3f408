"""What ``growth.py`` measured, as a figure and as a table of fitted exponents."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sheet import Sample, sheet

from statewise.report.figures.plot import Axis, Plot, Point
from statewise.report.figures.style import Style, styles_of
from statewise.report.formats import compact, plain, size
from statewise.report.scale import Scale

Line = dict[str, Any]

HEIGHT = 300.0


class Panel(NamedTuple):
    """One plot: what is measured, of which gear, against what."""

    title: str
    axis: str
    gear: str
    measure: str


PANELS = (
    Panel("forward: seconds of one sequence", "T", "forward", "seconds"),
    Panel("training: seconds of one sequence", "T", "training", "seconds"),
    Panel("training: peak memory, bytes", "T", "training", "peak"),
    Panel("state of one row, bytes", "T", "forward", "state"),
    Panel("training: seconds of 256 steps", "H", "training", "seconds"),
    Panel("training: peak memory of 256 steps, bytes", "H", "training", "peak"),
)
COLUMN_HEADS = (
    ("T, forward time", Panel("", "T", "forward", "seconds")),
    ("T, training time", Panel("", "T", "training", "seconds")),
    ("T, forward memory", Panel("", "T", "forward", "peak")),
    ("T, training memory", Panel("", "T", "training", "peak")),
    ("T, state", Panel("", "T", "forward", "state")),
    ("H, forward time", Panel("", "H", "forward", "seconds")),
    ("H, training time", Panel("", "H", "training", "seconds")),
    ("H, training memory", Panel("", "H", "training", "peak")),
)
HEAD = """# How time and memory grow

Made by `python benchmarks/growth.py`, which says how; [Performance](performance.md#how-time-and-memory-grow) says what
it comes to, with a figure. A number is the exponent k of size^k, fitted over the upper half of the sizes: 1 is linear,
2 is square, 0 does not grow. T is the length of the sequence, H the width of the layer."""


def points_of(lines: Sequence[Line], member: str, panel: Panel) -> list[Point]:
    """What was measured of a member, by size; what is nothing has no place on a logarithmic axis."""
    wanted = (member, panel.axis, panel.gear)
    return [
        (float(line["size"]), float(line[panel.measure]))
        for line in lines
        if (line["member"], line["axis"], line["gear"]) == wanted and line[panel.measure] > 0
    ]


def exponent(points: Sequence[Point]) -> float | None:
    """Of y = c x^k by least squares on the logarithms, over the upper half of the points; ``None`` of fewer than 3.

    >>> round(exponent([(1, 9.0), (2, 8.0), (4, 16.0), (8, 64.0), (16, 256.0)]), 3)
    2.0
    """
    upper = points[len(points) // 2 :] if len(points) >= 6 else points[-3:]
    if len(upper) < 3:
        return None
    logs = np.log(np.array(upper))
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])


def table(lines: Sequence[Line], largest: dict[str, int]) -> str:
    """Fitted exponents as a page of Markdown, and where series ended before the largest size."""
    rows = [f"| | {' | '.join(head for head, _ in COLUMN_HEADS)} |", f"|---{'|---' * len(COLUMN_HEADS)}|"]
    ended = []
    for member in members_of(lines):
        found = [exponent(points_of(lines, member, panel)) for _, panel in COLUMN_HEADS]
        rows.append(f"| {member} | {' | '.join('–' if k is None else f'{k:z.2f}' for k in found)} |")
        ended += [
            f"{member}, {gear}, at {axis} = {last:,.0f}"
            for axis, most in largest.items()
            for gear in ("forward", "training")
            if (last := max((x for x, _ in points_of(lines, member, Panel("", axis, gear, "seconds"))), default=0))
            < most
        ]
    notes = f"\nEnded before the largest size, by its budget of time or memory: {'; '.join(ended)}.\n" if ended else ""
    return f"{HEAD}\n\n" + "\n".join(rows) + "\n" + notes


def members_of(lines: Sequence[Line]) -> list[str]:
    """Those that were measured, in order."""
    return list(dict.fromkeys(line["member"] for line in lines))


def figure(lines: Sequence[Line]) -> str:
    """All panels and a key as one SVG that needs nothing else."""
    styles = styles_of(members_of(lines))
    samples = [Sample(style.shape, f"small {style.css}", style.label) for style in styles.values()]
    return sheet(samples, [_panel(lines, panel, styles) for panel in PANELS], height=HEIGHT)


def _panel(lines: Sequence[Line], panel: Panel, styles: dict[str, Style]) -> Plot:
    known = {member: points for member in styles if (points := points_of(lines, member, panel))}
    every = [point for points in known.values() for point in points]
    across, up = (Scale.over((point[part] for point in every), wide=2.0) for part in (0, 1))
    told = plain if panel.measure == "seconds" else size
    ticks = [(tick, told(tick)) for tick in up.ticks(8, binary=told is size)]
    steps = [(tick, compact(tick) if tick < 1024 else f"{tick / 1024:g} k") for tick in across.ticks(9, binary=True)]
    plot = Plot(Axis(across, panel.axis, steps), Axis(up, panel.title, ticks), height=HEIGHT)
    for member, points in known.items():
        plot.line(points, styles[member].css, member)
        for x, y in points:
            plot.mark(x, y, styles[member], "", kind="small")
    return plot
