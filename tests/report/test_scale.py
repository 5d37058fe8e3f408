"""Axes: everything has a place, ticks are round, inside and few; numbers are written so that they can be read back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewise.report import formats
from statewise.report.scale import Scale

numbers = st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-9)


@given(st.lists(numbers, min_size=1, max_size=20))
def test_an_axis_holds_its_values_in_their_order(values: list[float]) -> None:
    scale = Scale.over(values)
    places = [scale.place(value) for value in sorted(values)]
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    assert places == sorted(places)


@given(st.lists(numbers, min_size=1, max_size=20), st.booleans())
def test_ticks_are_inside_apart_and_few(values: list[float], binary: bool) -> None:
    scale = Scale.over(values)
    ticks = scale.ticks(binary=binary)
    assert 1 <= len(ticks) <= 12
    assert ticks == sorted(set(ticks))
    assert all(-1e-6 <= scale.place(tick) <= 1 + 1e-6 for tick in ticks if tick > 0 or not scale.log)


def test_an_axis_of_nothing_and_of_one_value_is_still_an_axis() -> None:
    for values in ([], [0.0], [3.0], [-2.0, -2.0]):
        scale = Scale.over(values)
        assert scale.low < scale.high
        assert len(scale.ticks()) >= 2


def test_only_positive_values_that_span_magnitudes_are_logarithmic() -> None:
    assert Scale.over([0.001, 1.0]).log
    assert not Scale.over([0.0, 1.0]).log
    assert not Scale.over([0.5, 1.0]).log
    assert not Scale.over([0.001, 1.0], wide=math.inf).log


def read_back(text: str) -> float:
    ascii_text = text.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")).replace("\u202f", "")
    mantissa, _, exponent = ascii_text.partition("·10")
    return float(mantissa) * 10.0 ** int(exponent or 0)


@given(numbers)
def test_a_number_reads_back_to_three_digits(value: float) -> None:
    assert read_back(formats.number(value)) == pytest.approx(value, rel=6e-3)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8))
def test_a_column_tells_its_largest_number_to_a_thousandth(values: list[float]) -> None:
    column = formats.Column(values)
    assert read_back(column(max(values))) == pytest.approx(max(values), rel=6e-3)


def test_a_column_writes_no_negative_nought() -> None:
    assert formats.Column([0.5])(-0.0001) == "0.000"


def test_what_was_not_measured_is_a_dash() -> None:
    writers = (formats.count, formats.number, formats.compact, formats.size, formats.duration, formats.percent)
    assert {writer(None) for writer in writers} == {formats.MISSING}
