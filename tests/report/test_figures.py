"""Figures show what the data says: every point, the front, the references, one look an arm."""

import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewise.report import facts
from statewise.report.figures.costs import costs, pareto_front
from statewise.report.figures.curves import curves
from statewise.report.figures.figure import Figure
from statewise.report.figures.lengths import lengths
from statewise.report.figures.lines import median, thin
from statewise.report.figures.plot import LETTER
from statewise.report.figures.reach import SHARE, with_near
from statewise.report.figures.scores import references, scores
from statewise.report.figures.strip import strips
from statewise.report.figures.style import styles_of
from statewise.report.figures.tuning import best_so_far, tuning
from statewise.report.formats import Column
from statewise.report.schema.comparison import Arm, Budget, Comparison, Pair, Primary
from statewise.report.schema.reading import read

ACCURACY = Primary(name="accuracy", lower_is_better=False)
LOSS = Primary(name="loss", lower_is_better=True)
COLUMN = Column([0.5])


@pytest.fixture
def data(result: dict[str, Any]) -> Comparison:
    return read(Comparison, result)


def looks(data: Comparison) -> dict[str, Any]:
    return styles_of(arm.label for arm in data.arms)


def elements(plot: str, css: str) -> list[ElementTree.Element]:
    return [element for element in ElementTree.fromstring(plot).iter() if css in element.get("class", "").split()]


def place(element: ElementTree.Element) -> tuple[float, float]:
    found = re.match(r"translate\((\S+) (\S+)\)", element.get("transform", ""))
    assert found
    return float(found[1]), float(found[2])


def drawn_scores(data: Comparison) -> Figure:
    return scores(data, facts.ranked(data.arms, data.task.primary), looks(data), COLUMN)


def test_every_seed_has_its_point_in_the_order_of_its_score(data: Comparison) -> None:
    plot = drawn_scores(data).plots[0]
    points = {point.get("data-tip", "").rsplit(":", 1)[0]: place(point)[0] for point in elements(plot, "point")}
    known = {f"{arm.label}, seed {s.seed}": s.test for arm in data.arms for s in arm.seeds if s.test is not None}
    assert points.keys() == known.keys()
    along = [known[name] for name in sorted(points, key=lambda name: (points[name], known[name]))]
    assert along == sorted(along)


def test_arms_stand_best_first_and_references_below(data: Comparison) -> None:
    plot = drawn_scores(data).plots[0]
    rows = [text.text for text in elements(plot, "end") if text.text and text.text[0].isalpha()]
    assert rows == ["attention", "mamba", "lstm", "gru", "echo-state", "most frequent value", "chance"]


def test_chance_is_a_reference_unless_a_baseline_says_the_same(data: Comparison) -> None:
    assert [name for name, _ in references(data)] == ["most frequent value", "chance"]
    data.baselines = data.baselines[1:]
    data.task.primary.chance_label = "luck"
    assert [name for name, _ in references(data)] == ["most frequent value", "luck"]


def test_references_stand_best_first(data: Comparison) -> None:
    data.task.primary.lower_is_better = True
    assert [name for name, _ in references(data)] == ["chance", "most frequent value"]


def test_a_reference_far_away_stands_at_the_edge_with_its_score(data: Comparison) -> None:
    near = drawn_scores(data).plots[0]
    data.baselines[0].score = -40.0
    data.task.primary.chance = None
    far = drawn_scores(data).plots[0]
    (edge,) = elements(far, "beyond")
    assert edge.get("data-tip") == "chance: −40.000, outside the figure"
    assert any(note.text == "−40.000" for note in elements(far, "note"))
    assert elements(near, "beyond") == []
    spread = [[place(point)[0] for point in elements(plot, "point")] for plot in (near, far)]
    assert max(spread[0]) - min(spread[0]) == pytest.approx(max(spread[1]) - min(spread[1]), rel=0.1)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=5), st.lists(st.floats(-1e4, 1e4), max_size=5))
def test_what_an_axis_is_about_fills_much_of_it(core: list[float], others: list[float]) -> None:
    covered = with_near(core, others)
    assert covered[: len(core)] == core
    span = max(core) - min(core)
    assert span == 0 or span >= SHARE * (max(covered) - min(covered))
    left_out = [other for other in others if other not in covered]
    assert not any(min(covered) <= other <= max(covered) for other in left_out)


def test_an_interval_beyond_the_figure_ends_in_an_arrow(data: Comparison) -> None:
    plot = drawn_scores(data).plots[0]
    arrows = elements(plot, "arrow")
    gru = next(arm.score for arm in data.arms if arm.label == "gru")
    assert gru
    assert gru.low is not None
    assert {float(a.get("data-tip", "").split()[-1].replace("−", "-")) for a in arrows} >= {float(f"{gru.low:.3g}")}
    for line in elements(plot, "bar"):
        xs = [float(pair.split(",")[0]) for pair in line.get("points", "").split()]
        assert 0 <= min(xs) <= max(xs) <= 360


def test_everything_drawn_lies_inside_its_plot(data: Comparison) -> None:
    figures = [
        drawn_scores(data),
        curves(data, looks(data)),
        costs(data, looks(data), COLUMN),
        tuning(data, looks(data)),
    ]
    for plot in (plot for figure in figures for plot in figure.plots):
        height = float(ElementTree.fromstring(plot).get("viewBox", "").split()[3])
        for element in ElementTree.fromstring(plot).iter():
            pairs = [pair.split(",") for pair in element.get("points", "").split()]
            pairs += [map(str, place(element))] if element.get("transform") else []
            for x, y in pairs:
                assert -1 <= float(x) <= 361
                assert -1 <= float(y) <= height + 1


def test_an_arm_looks_the_same_in_every_figure(data: Comparison) -> None:
    styles = looks(data)
    figures = [drawn_scores(data), curves(data, styles), lengths(data, styles, COLUMN), costs(data, styles, COLUMN)]
    shapes: dict[str, set[str]] = {}
    for plot in (plot for figure in figures if figure for plot in figure.plots):
        for mark in (*elements(plot, "mean"), *elements(plot, "point"), *elements(plot, "small")):
            shapes.setdefault(mark.get("class", "").split(" ", 1)[1], set()).add(mark.get("d", ""))
    assert len(shapes) == 5
    assert all(len(outlines) == 1 for outlines in shapes.values())


def test_every_finished_seed_has_a_line_and_failed_ones_end_early(data: Comparison) -> None:
    plot = curves(data, looks(data)).plots[0]
    assert len(elements(plot, "seed")) == 15
    assert len(elements(plot, "main")) == 5
    ends = [float(line.get("points", "").split()[-1].split(",")[0]) for line in elements(plot, "seed")]
    assert sum(end < max(ends) - 100 for end in ends) == 1


def test_the_lengths_of_the_training_are_shaded(data: Comparison) -> None:
    figure = lengths(data, looks(data), COLUMN)
    assert figure
    (shade,) = elements(figure.plots[0], "shade")
    points = elements(figure.plots[0], "small")
    xs = sorted({place(point)[0] for point in points})
    left, wide = float(shade.get("x", "")), float(shade.get("width", ""))
    assert left == pytest.approx(xs[0], abs=0.02)
    assert left + wide == pytest.approx(xs[1], abs=0.02)
    assert "attention is best" in figure.caption
    assert "echo-state worst" in figure.caption


def test_without_lengths_there_is_no_figure_of_them(data: Comparison) -> None:
    for arm in data.arms:
        for seed in arm.seeds:
            seed.by_length = {}
    assert lengths(data, looks(data), COLUMN) is None


def test_no_label_of_the_cost_figure_touches_the_front(data: Comparison) -> None:
    for plot in costs(data, looks(data), COLUMN).plots:
        labels = [
            (
                float(text.get("x", "")) - share * LETTER * len(text.text or ""),
                float(text.get("y", "")),
                text.text or "",
            )
            for anchor, share in (("start", 0.0), ("middle", 0.5), ("end", 1.0))
            for text in elements(plot, "label")
            if anchor in text.get("class", "").split()
        ]
        assert labels
        for line in elements(plot, "front"):
            corners = [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
            for (a, b), (c, d) in pairwise(corners):
                for left, base, text in labels:
                    beside = max(a, c) < left or min(a, c) > left + LETTER * len(text)
                    assert beside or max(b, d) < base - 9 or min(b, d) > base + 2


def test_what_the_budget_made_equal_has_no_front(data: Comparison) -> None:
    data.budget = Budget(match="parameters", value=20_000)
    figure = costs(data, looks(data), COLUMN)
    assert [len(elements(plot, "front")) for plot in figure.plots] == [1, 0, 1]
    assert "by parameters" not in figure.caption
    data.budget = None
    assert "by parameters" in costs(data, looks(data), COLUMN).caption


def test_failed_trials_are_marked(data: Comparison) -> None:
    failed = sum(trial.status != "ok" for arm in data.arms for trial in arm.tuning)
    assert failed
    assert len(elements(tuning(data, looks(data)).plots[0], "cross")) == failed


points = st.tuples(st.integers(0, 5).map(float), st.integers(0, 5).map(float))


@given(st.lists(points, min_size=1, max_size=12), st.booleans())
def test_the_front_is_what_no_other_dominates(cloud: list[tuple[float, float]], lower: bool) -> None:
    known = {str(index): point for index, point in enumerate(cloud)}
    front = pareto_front(known, LOSS if lower else ACCURACY)
    sign = 1 if lower else -1
    for label, (cost, score) in known.items():
        beaten = any(
            (c <= cost and sign * s <= sign * score) and (c < cost or sign * s < sign * score)
            for c, s in known.values()
        )
        assert (label in front) == (not beaten)
    assert [known[label][0] for label in front] == sorted(known[label][0] for label in front)


@given(st.lists(st.none() | st.floats(-10, 10), max_size=12), st.booleans())
def test_the_best_so_far_is_the_best_so_far(scores: list[float | None], lower: bool) -> None:
    trials = [
        {"trial": n, "valid": score, "status": "failed" if score is None else "ok"} for n, score in enumerate(scores)
    ]
    found = dict(best_so_far(Arm(label="a", tuning=trials), LOSS if lower else ACCURACY))
    best = min if lower else max
    for number in range(1, len(scores) + 1):
        known = [score for score in scores[:number] if score is not None]
        assert found.get(number) == (best(known) if known else None)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=2000), st.integers(4, 300))
def test_a_thinned_line_keeps_its_ends_and_extremes(heights: list[float], most: int) -> None:
    line = list(enumerate(heights))
    kept = thin(line, most)
    assert len(kept) <= max(most, 4)
    assert set(kept) <= set(line)
    assert [x for x, _ in kept] == sorted({x for x, _ in kept})
    assert (kept[0], kept[-1]) == (line[0], line[-1])
    assert {min(y for _, y in kept), max(y for _, y in kept)} == {min(heights), max(heights)}


def test_a_median_has_no_point_where_a_seed_has_none() -> None:
    assert median([[(1.0, 1.0), (2.0, 9.0)], [(2.0, 1.0), (3.0, 4.0)]]) == [(2.0, 5.0)]
    assert median([]) == []


def test_strips_share_one_scale_with_nought_in_the_middle() -> None:
    gaps = [(-0.2, -0.3, 0.1), (0.4, 0.2, 0.6), (0.0, None, None)]
    pairs = [Pair(a="a", b="b", difference=d, low=low, high=high) for d, low, high in gaps]
    drawn = [ElementTree.fromstring(strip) for strip in strips([*pairs, Pair(a="a", b="b")])[:3] if strip]
    assert strips([*pairs, Pair(a="a", b="b")])[3] is None
    zeros = {line.get("x1") for svg in drawn for line in svg.iter("line") if line.get("class") == "zero"}
    assert zeros == {"50.00%"}
    dots = [float(dot.get("cx", "").rstrip("%")) for svg in drawn for dot in svg.iter("circle")]
    assert dots[0] < dots[2] == 50.0 < dots[1]


def test_predictions_are_marked_where_they_are_wrong() -> None:
    assert facts.compare("1 2 3", "1 9 3") == [("1 ", False), ("9", True), (" 3", False)]
    assert facts.compare("the cat", "a cat sat") == [("a cat sat", False)]
    assert facts.compare("", "") == [("", False)]


@given(st.text(alphabet="ab "), st.text(alphabet="ab "))
def test_marking_changes_no_letter(target: str, prediction: str) -> None:
    assert "".join(text for text, _ in facts.compare(target, prediction)) == prediction
