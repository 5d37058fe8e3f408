"""Several series in one table: which column says so, what rows each has, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from statewise.data.table import Reading, Table, read_table
from statewise.errors import UserError

DAYS = [f"2024-01-{day:02d}" for day in range(1, 9)]


def table(tmp_path: Path, *rows: str, header: str = "date,shop,sales", **said: str) -> Table:
    path = tmp_path / "table.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return read_table(str(path), Reading(**said))


STACKED = [f"{day},{shop},{k + 10 * n}" for n, shop in enumerate("ba") for k, day in enumerate(DAYS[: 8 - 3 * n])]


@pytest.mark.parametrize("rows", [STACKED, sorted(STACKED), sorted(STACKED, key=lambda row: row[9:])])
@pytest.mark.parametrize("said", [{}, {"series": "shop"}, {"series": "shop", "time": "date"}])
def test_series_below_each_other_and_rows_in_turn_read_alike(rows: list[str], said: dict[str, str], tmp_path: Path):
    found = table(tmp_path, *rows, **said)
    assert (found.by, found.columns) == (["shop"], ["sales"])
    assert {one.name: one.values[:, 0].tolist() for one in found.series} == {
        "a": [10.0, 11.0, 12.0, 13.0, 14.0],
        "b": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    }
    assert all(one.times is not None and one.times.even for one in found.series)
    assert (found.even, found.season) == (True, 7)
    assert any("2 series by shop, of 5 to 8 rows" in note for note in found.notes)
    assert any("series=none" in note for note in found.notes) == ("series" not in said)


GUESSED = {
    "by its name, without times": ("unique_id,y", [f"{k % 2},{k}" for k in range(8)], ["unique_id"]),
    "numbers called an id": ("ds,store_id,y", [f"{day},{k},1.5" for k in (3, 1) for day in DAYS], ["store_id"]),
    "numbers that count up before an id": (
        "t,item_id,y",
        [f"{t},{k},1.5" for t in range(6) for k in "ab"],
        ["item_id"],
    ),
    "numbers that are values": ("ds,heat,y", [f"{day},{k},1.5" for k in (3, 1) for day in DAYS[k:]], None),
    "words where times rise": (
        "ds,weather,y",
        [f"{day},{'sun' if k % 2 else 'rain'},1" for k, day in enumerate(DAYS)],
        [],
    ),
    "an id a row": ("ds,item_id,y", [f"{day},{k},1" for k, day in enumerate(DAYS)], []),
    "years behind countries": (
        "country,year,y",
        [f"{country},{1990 + k},{k}" for country in ("DE", "FR") for k in range(8)],
        ["country"],
    ),
    "years behind numbers and words": (
        "code,item,year,y",
        [f"{code},x,{1990 + k},{k}" for code in (7, 9) for k in range(8)],
        None,
    ),
    "values with the name of a time": ("kind,t,y", [f"{'ab'[k % 2]},{k * 5 % 8},{k}" for k in range(8)], []),
    "hours beside days": ("ds,hour,y", [f"{day},{h}:00,{h}" for day in DAYS for h in (10, 11)], None),
}


@pytest.mark.parametrize("kind", GUESSED)
def test_what_is_plainly_an_id_is_guessed_and_nothing_else(kind: str, tmp_path: Path):
    header, rows, by = GUESSED[kind]
    if by is None:
        with pytest.raises(UserError, match="series=NAME"):
            table(tmp_path, *rows, header=header)
    else:
        assert table(tmp_path, *rows, header=header).by == by


def test_words_that_may_name_series_are_pointed_out_where_no_times_show_it(tmp_path: Path):
    rows = [f"{'ab'[k % 2]},{k}" for k in range(8)]
    pointed = "series=kind where that names a row's series"
    assert any(pointed in note for note in table(tmp_path, *rows, header="kind,y").notes)
    assert not any(pointed in note for note in table(tmp_path, *rows, header="kind,y", series="none").notes)
    with_times = [f"{day},{row}" for day, row in zip(DAYS, rows, strict=True)]
    assert not any(pointed in note for note in table(tmp_path, *with_times, header="ds,kind,y").notes)


def test_several_columns_name_a_series_together(tmp_path: Path):
    rows = [f"{day},{shop},{item},1" for shop in (1, 2) for item in "xy" for day in DAYS[:3]]
    found = table(tmp_path, *rows, header="date,shop,item,sales", series="shop,item")
    assert [one.name for one in found.series] == ["1/x", "1/y", "2/x", "2/y"]


IDS = {
    "named": ("ds,code,y", "code", ["007", "7", "1e3", "TRUE"]),
    "guessed by name": ("unique_id,y", "", ["007", "7", "1e3"]),
    "guessed by times": ("ds,shop_id,y", "", ["007", "7", "+8"]),
    "numbers and words": ("ds,shop,y", "", ["007", "7", "north"]),
    "where commas mark decimals": ("ds;code;y", "code", ["007", "7", "1.000", "1,0"]),
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_are_text_as_it_stands_in_the_file(kind: str, tmp_path: Path):
    header, said, names = IDS[kind]
    mark, half = (";", "0,5") if ";" in header else (",", "0.5")
    rows = [mark.join([day, name, half][-len(header.split(mark)) :]) for name in names for day in DAYS]
    found = table(tmp_path, *rows, header=header, series=said)
    assert [one.name for one in found.series] == names
    assert found.series[0].values.tolist() == [[0.5]] * len(DAYS)


def test_dates_of_all_series_are_read_in_one_order(tmp_path: Path):
    days = {"a": ["01/02/2024", "02/02/2024", "03/02/2024"], "b": ["29/02/2024", "01/03/2024", "02/03/2024"]}
    rows = [f"{day},{name},{k}" for name, found in days.items() for k, day in enumerate(found)]
    found = table(tmp_path, *rows, series="shop")
    assert [one.times.step for one in found.series if one.times] == ["day", "day"]


def test_series_at_steps_of_their_own_are_irregular_together(tmp_path: Path):
    slow = [f"2024-{month:02d}-01,slow,{month}" for month in range(1, 7)]
    found = table(tmp_path, *slow, *(f"{day},quick,{k}" for k, day in enumerate(DAYS)))
    assert not found.even
    assert any("series 'quick' has a row every 1 day, 'slow' every 31 days" in note for note in found.notes)


def test_a_gap_in_one_series_leaves_the_season_of_the_others(tmp_path: Path):
    rows = [f"{day},{shop},1" for shop in "abc" for day in DAYS if (shop, day) != ("b", DAYS[4])]
    found = table(tmp_path, *rows)
    assert (found.even, found.season) == (False, 7)
    assert any("from 1 day to 2 days" in note and "(series 'b')" in note for note in found.notes)


def test_a_single_row_is_no_series_and_is_named(tmp_path: Path):
    found = table(tmp_path, *STACKED, "2024-01-01,lone,5")
    assert [one.name for one in found.series] == ["b", "a"]
    assert any("single row: lone" in note for note in found.notes)


WRONG = {
    "no such column": ([*STACKED], {"series": "shops"}, "unknown column .* 'shops'; did you mean 'shop'"),
    "a row of no series": ([*STACKED, "2024-01-09,,4"], {"series": "shop"}, "line 15 .* 'shop' is empty"),
    "a series a row": (STACKED[:8], {"series": "sales"}, "every row .* series of its own by 'sales'"),
    "a time twice": (
        [*STACKED, "2024-01-05,a,9"],
        {"series": "shop"},
        "line 15 .* has the time of the line before in series 'a', '2024-01-05'",
    ),
    "back in time": ([*STACKED, "2024-01-02,a,9"], {"series": "shop"}, "line 15 .* earlier than .* series 'a'"),
    "one series after all": (STACKED, {"series": "none"}, "line 10 .* earlier than the line before"),
    "a missing number": ([*STACKED, "2024-01-06,a,"], {}, "column 'sales' .* line 15 is missing"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_several_series_is_refused(kind: str, tmp_path: Path):
    rows, said, cause = WRONG[kind]
    with pytest.raises(UserError, match=cause):
        table(tmp_path, *rows, **said)


def test_rows_keep_their_times(tmp_path: Path):
    found = table(tmp_path, *sorted(STACKED))
    assert [one.at.tolist() for one in found.series] == [(np.arange(n) * 86400.0).tolist() for n in (5, 8)]
