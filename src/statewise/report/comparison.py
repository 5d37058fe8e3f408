"""The page of a comparison."""

from typing import Any

from statewise.report import facts
from statewise.report.by_series import SeriesTable, series_table
from statewise.report.figures.costs import costs
from statewise.report.figures.curves import curves
from statewise.report.figures.figure import Figure
from statewise.report.figures.lengths import lengths
from statewise.report.figures.scores import scores
from statewise.report.figures.strip import strips
from statewise.report.figures.style import Style, styles_of
from statewise.report.figures.tuning import tuning
from statewise.report.formats import Column
from statewise.report.page import render
from statewise.report.schema.comparison import Arm, Comparison
from statewise.report.schema.reading import read
from statewise.report.tidy import tidy


def render_comparison(result: dict[str, Any]) -> str:
    """One self-contained HTML page from the result of a comparison, its recommendation first.

    The page needs no network and no script to be read. What was not measured may be ``None``, empty or absent;
    numbers that are not finite count as not measured. The result itself is in the page, to be saved from it.

    Raises:
        ValueError: if ``result`` is not a comparison's; the sentence names the field.

    >>> primary = {"name": "accuracy", "lower_is_better": False}
    >>> decision = {"verdict": "undecided", "headline": "No arm finished a run."}
    >>> page = render_comparison({"title": "x", "task": {"name": "t", "primary": primary}, "recommendation": decision})
    >>> "No arm finished a run." in page
    True
    """
    clean = tidy(result)
    data = read(Comparison, clean)
    arms = facts.ranked(data.arms, data.task.primary)
    column = Column([arm.score.mean for arm in arms if arm.score] + [baseline.score for baseline in data.baselines])
    styles = styles_of(arm.label for arm in data.arms)
    questions = facts.questions(data.examples)
    values = {
        "data": data,
        "raw": clean,
        "arms": arms,
        "told": facts.told_columns(arms),
        "baselines": facts.best_first(data.baselines, data.task.primary),
        "styles": styles,
        "column": column,
        "figures": {figure.anchor: figure for figure in _figures(data, arms, styles, column)},
        "series": _series_table(data, arms),
        "pairs": list(zip(data.pairs, strips(data.pairs), strict=True)),
        "pair_column": Column([pair.difference for pair in data.pairs]),
        "pair_kinds": list({pair.kind: None for pair in data.pairs if pair.kind}),
        "failures": facts.failures(data),
        "questions": questions,
        "marked": any(wrong for asked in questions for _, pieces in asked.answers for _, wrong in pieces),
        "chosen": {arm.label: facts.chosen(arm, data.task.primary) for arm in arms},
        "training_seconds": {arm.label: facts.training_seconds(arm) for arm in arms},
        "spread": facts.spread,
    }
    return render("comparison.html.jinja", values)


def _series_table(data: Comparison, ranked: list[Arm]) -> SeriesTable | None:
    """The scores of the arms, best first, and of the rules."""
    arms = [arm.label for arm in ranked if any(arm.label in one.arms for one in data.series)]
    if not arms:
        return None
    rules = list(dict.fromkeys(rule for one in data.series for rule in one.baselines))
    series = [
        (one.name, [*(one.arms.get(arm) for arm in arms), *(one.baselines.get(rule) for rule in rules)])
        for one in data.series
    ]
    primary = data.task.primary
    return series_table(series, [*arms, *rules], primary.name, lower_is_better=primary.lower_is_better)


def _figures(data: Comparison, arms: list[Arm], styles: dict[str, Style], column: Column) -> list[Figure]:
    drawn = (
        scores(data, arms, styles, column),
        curves(data, styles),
        lengths(data, styles, column),
        costs(data, styles, column),
        tuning(data, styles),
    )
    return [figure for figure in drawn if figure]
