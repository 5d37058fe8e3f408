"""Tables as people write them: what parts cells and numbers, which column is time, what comes next."""

from pathlib import Path

import numpy as np
import pytest

from statewise.data.ahead import usual_rows
from statewise.data.table import Reading, read_table
from statewise.errors import UserError

VALUES = [1234.5, 2.25, -1000.0, 7.75, 12.5, 3.5]


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


PLAIN = [f"{value}" for value in VALUES]
COMMA = [f"{value}".replace(".", ",") for value in VALUES]
GROUPED = [f"{value:,}" for value in VALUES]
EUROPEAN = [cell.translate(str.maketrans(",.", ".,")) for cell in GROUPED]
DIALECTS = {
    "commas": (",", PLAIN),
    "semicolons": (";", PLAIN),
    "tabs": ("\t", PLAIN),
    "bars": ("|", PLAIN),
    "decimal commas": (";", COMMA),
    "thousands in quotes": (",", [f'"{cell}"' for cell in GROUPED]),
    "European thousands": (";", EUROPEAN),
}


@pytest.mark.parametrize("kind", DIALECTS)
@pytest.mark.parametrize(
    "before", ["", "\ufeff", "\n\n", "# measured by hand\n"], ids=["plain", "mark", "blank", "comment"]
)
def test_every_dialect_reads_the_same(kind: str, before: str, tmp_path: Path):
    delimiter, cells = DIALECTS[kind]
    rows = [delimiter.join([f"2024-01-0{day}", cell, "1"]) for day, cell in enumerate(cells, start=1)]
    text = before + "\n".join([delimiter.join(["day", "load", "heat"]), *rows]) + "\n"
    table = read_table(written(tmp_path, text))
    assert table.columns == ["load", "heat"]
    assert table.series[0].values[:, 0].tolist() == VALUES
    assert table.times is not None
    assert (table.times.column, table.times.step, table.times.season) == ("day", "day", 7)


def test_one_column_of_decimal_commas_is_said_to_be_one(tmp_path: Path):
    table = read_table(written(tmp_path, "x\n1.5\n2.5\n3.5\n"))
    assert table.series[0].values.tolist() == [[1.5], [2.5], [3.5]]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_line_of_other_width_does_not_hide_the_delimiter(delimiter: str, tmp_path: Path):
    rows = [delimiter.join((str(k), str(k % 3), "1")) for k in range(9)]
    rows[4] += delimiter + "9"
    with pytest.raises(UserError, match=r"line 6 of .* has 4 cells where the header has 3"):
        read_table(written(tmp_path, "\n".join([delimiter.join("abc"), *rows]) + "\n"))


LINE_ENDS = {
    "Unix": "\n",
    "Windows": "\r\n",
    "old Mac": "\r",
    "converted twice": "\r\r\n",
}


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("kind", LINE_ENDS)
def test_every_line_end_reads_the_same(kind: str, columns: int, tmp_path: Path):
    path = tmp_path / "table.csv"
    lines = [",".join(["x", "y"][:columns]), *(",".join([f"{k}.5", f"{k * k}"][:columns]) for k in range(9))]
    path.write_bytes("".join(line + LINE_ENDS[kind] for line in lines).encode())
    assert read_table(str(path)).series[0].values.tolist() == [[k + 0.5, k * k][:columns] for k in range(9)]


RETURN_INSIDE = {
    "in the header": (b"date,y\r9\n2020-01-01,1\r\n2020-01-02,2\n", 1),
    "after a cell in quotes": (b'y,"a\nb"\n1,2\r\n1\r,2\r\n3,4\n', 4),
}


@pytest.mark.parametrize("kind", RETURN_INSIDE)
def test_a_carriage_return_inside_a_line_is_refused(kind: str, tmp_path: Path):
    content, line = RETURN_INSIDE[kind]
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"line {line} of .* has a carriage return inside"):
        read_table(str(path))


@pytest.mark.parametrize(("end", "inside"), [("\n", "\r"), ("\r\n", "\n"), ("\r", "\n")])
def test_cells_in_quotes_may_hold_line_ends(end: str, inside: str, tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_bytes(end.join(["y,note", *(f'{k}.5,"a{inside}b"' for k in range(5)), ""]).encode())
    assert read_table(str(path)).series[0].values.tolist() == [[k + 0.5] for k in range(5)]


def test_names_are_on_one_line_and_columns_without_a_name_are_counted(tmp_path: Path):
    table = read_table(written(tmp_path, 't, "load\n(kW)",,\n0,1,7,9\n1,4,8,9\n2,2,9,8\n'))
    assert table.columns == ["load (kW)", "column 3", "column 4"]


@pytest.mark.parametrize("header", ["day,0.1,0.9", "day,2019,2020", ",0,1", "day,2024-01,2024-02", "Q1,Q2,Q3"])
def test_names_may_be_numbers_and_times_where_they_head_something_else(header: str, tmp_path: Path):
    rows = [f"{place},{place % 3},{place % 4}" for place in range(9)]
    names = [name or "column 1" for name in header.split(",")]
    assert set(read_table(written(tmp_path, "\n".join([header, *rows]) + "\n")).columns) >= set(names[1:])


def test_a_cell_larger_than_csv_can_look_at_is_read_all_the_same(tmp_path: Path):
    table = read_table(written(tmp_path, f"y;note\n1,5;a\n2,5;{'long ' * 50_000}\n3,5;b\n"))
    assert (table.series[0].values.tolist(), table.left_out) == ([[1.5], [2.5], [3.5]], ["note"])


def numbered(name: str, times: list[int], tmp_path: Path) -> str:
    rows = [f"{time},{k * k % 7}" for k, time in enumerate(times)]
    return written(tmp_path, "\n".join([f"{name},x", *rows]) + "\n")


def test_numbers_that_rise_are_times_by_their_name(tmp_path: Path):
    for name, is_time in (("t", True), ("year", True), ("load", False)):
        table = read_table(numbered(name, [*range(1990, 2010)], tmp_path))
        assert (table.times is not None) == is_time
        assert table.columns == (["x"] if is_time else [name, "x"])


def test_times_out_of_order_are_refused_and_months_that_begin_anew_are_values(tmp_path: Path):
    with pytest.raises(UserError, match=r"line 5 of .* is earlier than the line before"):
        read_table(numbered("t", [0, 1, 3, 2, *range(4, 20)], tmp_path))
    assert read_table(numbered("t", [0, 1, 3, 2, *range(4, 20)], tmp_path), Reading(time="none")).times is None
    assert read_table(numbered("month", [*range(1, 13)] * 2, tmp_path)).columns == ["month", "x"]


FOLLOWING = {
    "days": ([f"2024-02-{day}" for day in range(24, 29)], ["2024-02-29", "2024-03-01"]),
    "working days": (["2024-02-21", "2024-02-22", "2024-02-23", "2024-02-26", "2024-02-27", "2024-02-28", "2024-02-29"],
                     ["2024-03-01", "2024-03-04"]),
    "ends of months": (["2023-11-30", "2023-12-31", "2024-01-31"], ["2024-02-29", "2024-03-31"]),
    "quarters": (["2023 Q2", "2023 Q3", "2023 Q4"], ["2024-01-01", "2024-04-01"]),
    "hours": ([f"2024-01-01 {hour}:00" for hour in range(21, 24)], ["2024-01-02 00:00:00", "2024-01-02 01:00:00"]),
    "milliseconds": ([f"2024-01-01 00:00:00.{k:03d}" for k in range(1, 5)],
                     ["2024-01-01 00:00:00.005000", "2024-01-01 00:00:00.006000"]),
    "day first": (["30/01/2024", "31/01/2024", "01/02/2024"], ["2024-02-02", "2024-02-03"]),
    "numbers": (["5", "10", "15"], ["20", "25"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOLLOWING)
def test_the_times_that_follow(kind: str, tmp_path: Path):
    times, following = FOLLOWING[kind]
    text = "\n".join(["time,x", *(f"{time},{k * k % 7}" for k, time in enumerate(times))]) + "\n"
    found = read_table(written(tmp_path, text)).times
    assert found is not None
    assert usual_rows(found, 2).names == following


NUMBERED = {
    "days written together": ("date", ["20240228", "20240229", "20240301"], "2024-03-02", 7),
    "months written together": ("date", ["202311", "202312", "202401"], "2024-02-01", 12),
    "days of a spreadsheet": ("Datum", ["45350", "45351", "45352"], "2024-03-02", 7),
    "hours of a spreadsheet": ("date", ["45350.916667", "45350.958333", "45351"], "2024-02-29 01:00:00", 24),
    "seconds since 1970": ("unix_time", ["1704067200", "1704070800", "1704074400"], "2024-01-01 03:00:00", 24),
    "milliseconds since 1970": ("timestamp", ["1704067200000", "1704070800000"], "2024-01-01 02:00:00", 24),
    "a count": ("t", ["45350", "45351", "45352"], "45353", 1),
    "elapsed seconds": ("time", ["20000", "20001", "20002"], "20003", 1),
}


@pytest.mark.parametrize("kind", NUMBERED)
def test_numbers_are_dates_where_their_name_says_so(kind: str, tmp_path: Path):
    name, numbers, following, season = NUMBERED[kind]
    table = read_table(written(tmp_path, "\n".join([f"{name},x", *(f"{cell},1" for cell in numbers)]) + "\n"))
    assert table.times is not None
    assert (usual_rows(table.times, 1).names, table.times.season) == ([following], season)
    assert any("numbers of" in note for note in table.notes) == (season > 1)


def test_numbers_under_a_name_that_merely_contains_date_are_values(tmp_path: Path):
    text = "candidates,x\n" + "".join(f"{30_000 + k * k},{k}\n" for k in range(9))
    assert read_table(written(tmp_path, text)).columns == ["candidates", "x"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.01, "0.01 seconds"), (1, "a second"), (60, "a minute"), (900, "15 minutes")]
)
def test_how_far_rows_lie_apart_is_said(seconds: float, said: str, tmp_path: Path):
    times = np.datetime64("2024-01-01T00:00:00.000") + np.arange(9) * np.timedelta64(round(1000 * seconds), "ms")
    text = "\n".join(["time,x", *(f"{time},{k * k % 7}" for k, time in enumerate(times))]) + "\n"
    assert any(said + ":" in note for note in read_table(written(tmp_path, text)).notes)


def test_what_was_guessed_is_said(tmp_path: Path):
    rows = [f"0{day}.02.2024;{day},5;north" for day in range(1, 9)]
    notes = " | ".join(read_table(written(tmp_path, "\n".join(["Tag;Last;Ort", *rows]) + "\n")).notes)
    for guess in (
        "semicolons",
        "1234,5",
        "time column: Tag",
        "left out",
        "Ort",
        "columns of numbers: Last",
        "day-first",
    ):
        assert guess in notes


def test_values_are_float64_and_finite(tmp_path: Path):
    values = read_table(written(tmp_path, "a,b\n1,2\n3,4\n")).series[0].values
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
