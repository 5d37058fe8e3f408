"""The page of a forecast, from made-up rows."""

import pytest

from statewise.report import render_forecast

from .page import Data, Page, assert_sound


def page_of(**series: Data) -> str:
    facts = {"title": "Forecast by plant", "created": "2026-03-14T09:26:53", "command": "statewise forecast runs/plant"}
    return render_forecast({**facts, "notes": ["known <i>by</i> all"], "series": series})


@pytest.fixture
def found() -> Data:
    return {
        "times": ["2024-05-01", "2024-05-02"],
        "ahead": [86400.0, 2 * 86400.0],
        "ago": [-10 * 86400.0, -86400.0, 0.0],
        "unit": "seconds",
        "notes": ["rows <i>ahead</i> come daily"],
        "values": {"sun": [4.0, 5.0], "<b>rain</b>": [0.5, 0.25]},
        "before": {"sun": [1.0, 2.0, 3.0], "<b>rain</b>": [0.0, 0.0, 0.125]},
        "lower": {"sun": [3.0, 3.5], "<b>rain</b>": [0.0, -0.5]},
        "upper": {"sun": [5.0, 6.5], "<b>rain</b>": [1.0, 1.0]},
        "intervals": {"samples": 50, "level": 0.975},
    }


def corners(found: Data, css: str) -> list[list[tuple[float, float]]]:
    """Of all lines or bands of that look, in the units of the plot."""
    text = page_of(plant=found)
    tags = [tag for tag in text.split("<") if tag.startswith(("polyline", "polygon")) and f'"{css}' in tag]
    return [
        [tuple(map(float, corner.split(","))) for corner in tag.split('points="')[1].split('"')[0].split()]
        for tag in tags
    ]


def test_a_page_has_a_plot_for_each_target_and_a_table_of_all_rows(found: Data) -> None:
    text = page_of(plant=found)
    page = Page(text)
    assert sum(attribute == ("class", "plot") for attribute in page.attributes) == 2
    assert page.counts("tr") == 1 + 2
    for told in (
        "2024-05-02",
        "[3.500, 6.500]",
        "97.5 % of what comes",
        "97.5 % of all sums",
        "<b>rain</b>",
        "<i>ahead</i>",
    ):
        assert told in page.text
    assert_sound(text)


def test_the_forecast_and_its_band_go_on_from_the_last_row_that_is_known(found: Data) -> None:
    known, ahead = corners(found, "line main")[:2]
    band = corners(found, "band")[0]
    assert (len(known), len(ahead), len(band)) == (3, 3, 6)
    assert known[-1] == ahead[0] == band[0] == band[-1]
    assert [x for x, _ in band[:3]] == [x for x, _ in ahead]
    for (_, low), (_, middle), (_, high) in zip(band[1:3], ahead[1:], band[4:2:-1], strict=True):
        assert low > middle > high, "the axis points up, its numbers down"


def test_rows_stand_where_their_times_are(found: Data) -> None:
    known, ahead = corners(found, "line main")[:2]
    first, second, third, *_, last = (x for x, _ in (*known, *ahead))
    assert second - first == pytest.approx(9 * (third - second), rel=0.01)
    assert last - third == pytest.approx(2 * (third - second), rel=0.01)
    assert "days from the last known row" in page_of(plant=found)
    assert "hour from the last known row" in page_of(plant=found | {"unit": "hour"})


def test_a_row_that_is_pointed_at_is_told_with_its_interval(found: Data) -> None:
    tips = [value for name, value in Page(page_of(plant=found)).attributes if name == "data-tip"]
    assert "2024-05-02: 5.000\n3.500 to 6.500" in tips
    del found["lower"], found["upper"], found["intervals"]
    tips = [value for name, value in Page(page_of(plant=found)).attributes if name == "data-tip"]
    assert "2024-05-02: 5.000" in tips


def test_without_intervals_or_known_rows_there_is_a_line(found: Data) -> None:
    del found["lower"], found["upper"], found["intervals"], found["before"], found["ago"]
    text = page_of(plant=found)
    assert len(corners(found, "line main")) == 2
    assert "Shaded" not in text
    assert "Intervals" not in text
    assert_sound(text)


def test_several_series_stand_below_each_other_and_of_many_the_first(found: Data) -> None:
    text = page_of(**{f"<plant {k}>": found for k in range(50)})
    page = Page(text)
    assert page.counts("h2") == 40 + 1
    assert "<plant 39>" in page.text
    assert "The first 40 of 50 series are drawn" in page.text
    assert_sound(text)


def test_what_is_no_forecast_is_refused(found: Data) -> None:
    del found["values"]
    with pytest.raises(ValueError, match="values"):
        page_of(plant=found)
