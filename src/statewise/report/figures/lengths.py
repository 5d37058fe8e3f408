"""Score by sequence length, within the lengths trained on and beyond."""

import statistics
from collections.abc import Mapping

from statewise.report.figures.figure import Figure, better, listed, score_axis
from statewise.report.figures.lines import Strands, draw_bundle, flat
from statewise.report.figures.plot import Axis, Plot
from statewise.report.figures.style import Style
from statewise.report.formats import Column, count
from statewise.report.scale import Scale
from statewise.report.schema.comparison import Comparison


def lengths(data: Comparison, styles: Mapping[str, Style], column: Column) -> Figure | None:
    """One plot, the training range shaded; nothing where no length was tried."""
    bundle = _bundle(data)
    if not bundle:
        return None
    primary, trained = data.task.primary, data.task.train_lengths
    tried = sorted({length for length, _ in flat(bundle)})
    heights = [score for _, score in flat(bundle)] + ([] if primary.chance is None else [primary.chance])
    scale = Scale.over([*tried, *(trained or ())], wide=4.0)
    across = Axis(scale, "sequence length", [(length, count(length)) for length in tried])
    plot = Plot(across, score_axis(heights, primary, "test"), reads_out=True)
    if trained:
        plot.shade(trained[0], trained[1], "trained")
    draw_bundle(plot, bundle, styles)
    if primary.chance is not None:
        plot.level(primary.chance, primary.chance_label)
    caption = f"Test {primary.name} by sequence length{' (logarithmic axis)' if scale.log else ''}. "
    if trained:
        reach = count(trained[0]) + (f" to {count(trained[1])}" if trained[1] > trained[0] else "")
        caption += f"Shaded: the lengths of the training, {reach}. "
    caption += "Bold: the median over the seeds of an arm; thin: every seed. "
    return Figure(
        "lengths",
        "Score by length",
        f"{caption}{_longest(data, tried[-1], column)} {_reaches(data, column)}",
        (plot.svg(),),
        tuple(bundle),
    )


def _bundle(data: Comparison) -> dict[str, Strands]:
    bundle = {}
    for arm in data.arms:
        lines = [
            [(float(length), score) for length, score in sorted(seed.by_length.items()) if score is not None]
            for seed in arm.seeds
        ]
        if any(lines):
            bundle[arm.label] = Strands([line for line in lines if line], [])
    return bundle


def _reaches(data: Comparison, column: Column) -> str:
    """Up to which length every arm's mean accuracy is at least 0.9 throughout, and its mean beyond the training."""
    held: dict[int | None, list[str]] = {}
    for arm in data.arms:
        if arm.reach:
            held.setdefault(arm.reach.longest, []).append(arm.label)
    if not held:
        return ""
    lengths = sorted(held, key=lambda length: -1 if length is None else length, reverse=True)
    told = [f"{listed(held[length])} to {'no length' if length is None else count(length)}" for length in lengths]
    beyond = [
        f"{arm.label} {column(arm.reach.beyond)}" for arm in data.arms if arm.reach and arm.reach.beyond is not None
    ]
    means = f" Mean over the lengths beyond the training: {', '.join(beyond)}." if beyond else ""
    return f"At least 90 % on average holds from the shortest length on: {'; '.join(told)}.{means}"


def _longest(data: Comparison, length: float, column: Column) -> str:
    """Who is best and who is worst at the greatest length."""
    found = {}
    for arm in data.arms:
        scores = [score for seed in arm.seeds if (score := seed.by_length.get(int(length))) is not None]
        if scores:
            found[arm.label] = statistics.median(scores)
    if len(found) < 2:
        return ""
    lead = better(data.task.primary)
    best = worst = next(iter(found))
    for label, score in found.items():
        best = label if lead(score, found[best]) else best
        worst = label if lead(found[worst], score) else worst
    ends = f"At length {count(length)}, the greatest, {best} is best ({column(found[best])})"
    return ends + (f" and {worst} worst ({column(found[worst])})." if worst != best else ".")
