"""Learning curves: validation score and training loss of every seed."""

from collections.abc import Callable, Mapping

from statewise.report.figures.figure import Figure, score_axis
from statewise.report.figures.lines import Bundle, Strands, draw_bundle, flat
from statewise.report.figures.plot import Axis, Plot
from statewise.report.figures.style import Style
from statewise.report.formats import compact
from statewise.report.scale import Scale
from statewise.report.schema.comparison import Comparison, CurvePoint


def curves(data: Comparison, styles: Mapping[str, Style]) -> Figure:
    """Two plots against training steps."""
    title = "Learning curves"
    valid = _bundle(data, lambda point: point.valid)
    loss = _bundle(data, lambda point: point.train_loss)
    drawn = []
    if flat(valid):
        drawn.append((valid, score_axis([y for _, y in flat(valid)], data.task.primary, "validation")))
    if flat(loss):
        drawn.append((loss, Axis.over([y for _, y in flat(loss)], "training loss")))
    if not drawn:
        return Figure("curves", title, "No learning curve was recorded.")
    plots = []
    for bundle, up in drawn:
        plot = Plot(steps_axis(bundle), up, reads_out=True)
        draw_bundle(plot, bundle, styles)
        plots.append(plot.svg())
    several = any(len(arm.seeds) > 1 for arm in data.arms)
    lines = "Bold: the median over the seeds that finished; thin: every seed. " if several else "One seed an arm. "
    kept = "Scores are of the step at which a seed validated best. "
    caption = f"Learning against training steps. {lines}{kept}{_log_words([up for _, up in drawn])}"
    return Figure("curves", title, caption, tuple(plots), tuple(valid | loss))


def steps_axis(bundle: Bundle) -> Axis:
    """An axis of training steps from nought."""
    last = max(x for x, _ in flat(bundle))
    scale = Scale(0.0, last * 1.02 or 1.0)
    return Axis.along(scale, "training steps", text=compact)


def _bundle(data: Comparison, pick: Callable[[CurvePoint], float | None]) -> dict[str, Strands]:
    bundle = {}
    for arm in data.arms:
        strands = Strands([], [])
        for seed in arm.seeds:
            line = [(float(point.step), y) for point in seed.curve if (y := pick(point)) is not None]
            if line:
                (strands.whole if seed.status == "ok" else strands.broken).append(line)
        if any(strands):
            bundle[arm.label] = strands
    return bundle


def _log_words(axes: list[Axis]) -> str:
    logs = [axis.label.split(" (")[0] for axis in axes if axis.scale.log]
    return f"Logarithmic: {'; '.join(logs)}. " if logs else ""
