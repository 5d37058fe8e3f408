"""The figures of a comparison. Each returns SVG text, or nothing where there is nothing to draw."""

import math
from collections.abc import Callable, Mapping, Sequence

from statewise.report.figures.frame import Frame
from statewise.report.formats import count, number
from statewise.report.scale import Scale
from statewise.report.schema import Arm, Comparison


def scores(data: Comparison, colour: Mapping[str, str]) -> str:
    """Every arm's mean with its interval and every seed's point; chance and baselines as lines."""
    arms = [arm for arm in data.arms if arm.score]
    if not arms:
        return ""
    primary = data.task.primary
    points = [seed.test for arm in arms for seed in arm.seeds if seed.test is not None]
    levels = [(b.name, b.score) for b in data.baselines if b.score is not None]
    values = points + [arm.score.mean for arm in arms if arm.score] + [score for _, score in levels]
    frame = Frame(Scale(-0.6, len(arms) - 0.4), Scale.over(values, pad=0.1), "", _axis(data), height=320)
    marks = [frame.level(score, name) for name, score in levels]
    for place, arm in enumerate(arms):
        marks += _interval(frame, place, arm, colour[arm.label])
        for seed in arm.seeds:
            if seed.test is not None:
                tip = f"{arm.label}, seed {seed.seed}: {number(seed.test)}"
                marks.append(frame.dot(place - 0.18, seed.test, colour[arm.label], tip, radius=3, hollow=True))
    ticks = [(float(place), _short(arm.label)) for place, arm in enumerate(arms)]
    return frame.draw(marks, f"{primary.name} of every arm with its interval and seeds", x_ticks=ticks)


def curves(data: Comparison, colour: Mapping[str, str]) -> str:
    """Validation score of every seed against training steps."""
    lines = {
        (arm.label, seed.seed): [(float(p.step), p.valid) for p in seed.curve if p.valid is not None]
        for arm in data.arms
        for seed in arm.seeds
    }
    return _lines(lines, colour, "training steps", _axis(data), "validation score against training steps")


def by_length(data: Comparison, colour: Mapping[str, str]) -> str:
    """Test score of every seed against sequence length, the training range shaded."""
    lines = {
        (arm.label, seed.seed): [(float(n), score) for n, score in sorted(seed.by_length.items()) if score is not None]
        for arm in data.arms
        for seed in arm.seeds
    }
    return _lines(
        lines, colour, "sequence length", _axis(data), "test score against length", shaded=data.task.train_lengths
    )


def tuning(data: Comparison, colour: Mapping[str, str]) -> str:
    """Expected best validation score against the number of tuning trials."""
    lines = {
        (arm.label, 0): [(float(e.trials), e.value) for e in arm.expected_best if e.value is not None]
        for arm in data.arms
    }
    if max((len(points) for points in lines.values()), default=0) < 2:
        return ""
    return _lines(lines, colour, "tuning trials", _axis(data), "expected best score against tuning trials")


def trade_off(data: Comparison, colour: Mapping[str, str], cost: Callable[[Arm], float | None], name: str) -> str:
    """Mean score against a cost; arms that no other beats at no more cost are joined."""
    known = [(arm, value) for arm in data.arms if arm.score and (value := cost(arm)) is not None and value > 0]
    if len(known) < 2:
        return ""
    points = [(value, arm.score.mean) for arm, value in known if arm.score]
    frame = Frame(
        Scale.over([x for x, _ in points], wide=8, pad=0.12),
        Scale.over([y for _, y in points], pad=0.12),
        name,
        _axis(data),
    )
    front = sorted(point for point in points if _on_front(point, points, data.task.primary.lower_is_better))
    marks = [frame.line(front, "#999", dashed=True)] if len(front) > 1 else []
    for (arm, value), (_, score) in zip(known, points, strict=True):
        tip = f"{arm.label}: {number(score)} at {count(value)}"
        marks.append(frame.dot(value, score, colour[arm.label], tip, hollow=(value, score) not in front))
        marks.append(frame.label(value, score, _short(arm.label)))
    return frame.draw(marks, f"score against {name}; filled points are on the Pareto front")


def _lines(
    lines: Mapping[tuple[str, int], Sequence[tuple[float, float]]],
    colour: Mapping[str, str],
    x_label: str,
    y_label: str,
    title: str,
    shaded: tuple[int, int] | None = None,
) -> str:
    drawn = {key: points for key, points in lines.items() if points}
    if not drawn:
        return ""
    xs = [x for points in drawn.values() for x, _ in points]
    ys = [y for points in drawn.values() for _, y in points]
    frame = Frame(Scale.over(xs, wide=math.inf, pad=0.02), Scale.over(ys), x_label, y_label)
    marks = []
    if shaded:
        low, high = max(frame.x.low, shaded[0]), min(frame.x.high, shaded[1])
        marks.append(frame.band(low, max(low, high)))
    for (label, seed), points in drawn.items():
        marks.append(frame.line(points, colour[label]))
        marks += [frame.dot(x, y, colour[label], f"{label}, seed {seed}: {number(y)}", radius=2.5) for x, y in points]
    return frame.draw(marks, title)


def _interval(frame: Frame, place: int, arm: Arm, colour: str) -> list[str]:
    score = arm.score
    assert score is not None
    marks = [frame.dot(place, score.mean, colour, f"{arm.label}: {number(score.mean)}, {score.kind}", radius=5)]
    if score.low is not None and score.high is not None:
        low, high = max(score.low, frame.y.low), min(score.high, frame.y.high)
        marks.insert(0, frame.line([(place, low), (place, high)], colour))
    return marks


def _on_front(point: tuple[float, float], points: Sequence[tuple[float, float]], lower_is_better: bool) -> bool:
    sign = 1 if lower_is_better else -1
    return not any(x <= point[0] and sign * y <= sign * point[1] and (x, y) != point for x, y in points)


def _axis(data: Comparison) -> str:
    primary = data.task.primary
    direction = "lower is better" if primary.lower_is_better else "higher is better"
    return f"{primary.name} ({direction})"


def _short(label: str) -> str:
    return label if len(label) <= 16 else label[:15] + "…"
