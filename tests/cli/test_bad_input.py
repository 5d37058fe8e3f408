"""Bad input gets one sentence with cause and mend, exit code 2, no traceback; what stood before stands after."""

from pathlib import Path

import pytest

from .refusing import refused

ROWS = [f"2024-01-{day:02d},{day % 7}.5,{day}" for day in range(1, 31)]


def table(rows: list[str], header: str = "day,load,heat") -> str:
    return "\n".join([header, *rows]) + "\n"


TEXTS = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n\t", "is empty"),
    "binary": (b"\x7fELF\0\0\1", "binary"),
    "binary after a long text": (b"words, words. " * 2000 + b"\0\1\2", "binary"),
    "utf-16": ("words ".encode("utf-16") * 100, "UTF-16"),
    "utf-16 without its mark": ("words ".encode("utf-16-le") * 100, "UTF-16LE"),
    "utf-32": ("words ".encode("utf-32") * 100, "UTF-32"),
    "latin": ("caf\xe9 ".encode("latin-1") * 100, "not UTF-8"),
    "short": (b"too short", "it has 9 tokens, and to cut it into three parts with chunks of 64 takes about 660;"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_will_not_do(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    content, cause = TEXTS[kind]
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    assert cause in refused(["train", str(path), "--out", str(tmp_path / "run")], capsys)


TABLES = {
    "no header": ("1,2,3\n2,3,4\n3,4,5\n", "no header"),
    "no header over times": (
        table(ROWS[1:], header=ROWS[0]),
        "no header: its first line is data ('2024-01-01' is a time)",
    ),
    "no header over times and text": (
        "2024-01-01 00:00;north;1,5\n" + "".join(f"2024-01-{k:02d} 00:00;north;{k},5\n" for k in range(2, 29)),
        "no header",
    ),
    "no header over times out of shape": ("12:30,1.5\nearly,2.5\nlate,3.5\n", "no header"),
    "no header before a comma at the end": ("1,2,\n" * 9, "no header"),
    "a name twice": (table(ROWS, "day,load,load"), "2 columns named 'load'"),
    "a name twice but for blanks": (table(ROWS, 'day,load,"load "'), "2 columns named 'load'"),
    "text among numbers": (table([*ROWS[:5], "2024-01-06,high,6", *ROWS[6:]]), "'high'"),
    "unsorted": (table([ROWS[1], ROWS[0], *ROWS[2:]]), "sort"),
    "duplicated": (table([ROWS[0], *ROWS]), "time of the line before"),
    "constant": (table([f"2024-01-{day:02d},7,7" for day in range(1, 31)]), "constant"),
    "missing": (table([*ROWS[:5], "2024-01-06,,6", *ROWS[6:]]), "(1 such value)"),
    "infinite": (table([*ROWS[:5], "2024-01-06,inf,6", *ROWS[6:]]), "infinite"),
    "not a number": (table([*ROWS[:5], "2024-01-06,NaN,6", *ROWS[6:]]), "line 7 is missing or not a number"),
    "too large a number": (table([*ROWS[:5], "2024-01-06,1e999,6", *ROWS[6:]]), "infinite"),
    "too large to compute with": (table([*ROWS[:5], "2024-01-06,-1e300,6", *ROWS[6:]]), "-1e+300, too large"),
    "an hour in another column": (
        "day,hour,x\n" + "".join(f"2024-01-01,{k:02d}:00,{k % 7}\n" for k in range(24)),
        "put both into one",
    ),
    "units in cells": (
        "day,load\n" + "".join(f"2024-01-{k:02d},{k} kW\n" for k in range(1, 20)),
        "('load' holds '1 kW' in line 2)",
    ),
    "a long text in a cell": (
        table([*ROWS[:5], f'2024-01-06,"{"very " * 30}\nlong",6', *ROWS[6:]]),
        f"holds the text '{'very ' * 8}...' where",
    ),
    "blanks between cells": ("day   load\n" + "2024   1.5\n" * 9, "holds '2024   1.5' in line 2"),
    "line ends in cells and blank lines before the fault": (
        '"day","the\nload",note\n2024-01-01,1,"a\nb\nc"\n\n2024-01-02,2,d\n2024-01-03,high,e\n',
        "line 8 holds the text 'high'",
    ),
    "one row": (table(ROWS[:1]), "1 row"),
    "header alone": (table([]), "0 rows"),
    "a cell too many": (table([*ROWS[:5], "2024-01-06,1,2,3", *ROWS[6:]]), "line 7 of"),
    "lines above the header": ("Load of 2024\n" + table(ROWS), "take out what stands above the header"),
    "one cell too many in every line": ("y\n" + "1,2\n" * 9, "more cells than"),
    "a cell too few": (table([*ROWS[:5], "2024-01-06,1", *ROWS[6:]]), "column 'heat'"),
    "a quotation without end": (
        table([*ROWS[:5], '2024-01-06,"1.5,6', *ROWS[6:]]),
        "a quotation mark that is never closed",
    ),
    "no such day": (table([*ROWS[:5], "2024-13-45,1,6", *ROWS[6:]]), "'2024-13-45', which is no time"),
    "numbered times out of order": (
        "t,x\n" + "".join(f"{k},{k % 5}\n" for k in (0, 1, 3, 2, *range(4, 40))),
        "earlier",
    ),
    "text alone": ("a,b\nx,y\nz,w\n", "no column of numbers"),
    "empty": ("", "is empty"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_that_will_not_do(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    content, cause = TABLES[kind]
    path = tmp_path / "series.csv"
    path.write_text(content)
    assert cause in refused(["train", str(path), "--out", str(tmp_path / "run")], capsys)


def test_an_excel_table_in_another_encoding(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "series.csv"
    path.write_bytes("Tag,W\xe4rme\n1,2\n".encode("latin-1"))
    assert "not UTF-8: byte 5 (line 1) is 0xe4" in refused(["train", str(path)], capsys)
    path.write_bytes(table(ROWS).encode("utf-16"))
    assert "UTF-16" in refused(["train", str(path)], capsys)


def test_a_horizon_longer_than_the_series(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "series.csv"
    path.write_text(table(ROWS))
    assert "horizon" in refused(["train", str(path), "--task-options", "horizon=90"], capsys)


COMMANDS = {
    "missing file": (["train", "nowhere.txt"], "no file"),
    "unknown model": (["train", "embedded", "--model", "ltsm"], "did you mean 'lstm'"),
    "unknown task": (["compare", "recal"], "did you mean 'recall'"),
    "unknown option": (["compare", "recall", "--set", "colour=red"], "colour"),
    "text for a number": (["compare", "recall", "--task-options", "symbols=five"], "recall cannot be 'five'"),
    "unknown study": (["compare", "dept"], "did you mean 'depth'"),
    "no blocks": (["train", "parity", "--depth", "0"], "depth must be at least 1"),
    "unknown task option": (["train", "parity", "--task-options", "longets=9"], "did you mean 'longest'"),
    "a length below the least": (["compare", "recall", "--lengths", "4"], "length of at least 12, got 4"),
    "lengths of a text": (["compare", "embedded", "--lengths", "4"], "has no lengths"),
    "a folder for a file": (["train", "/proc"], "is a folder"),
    "a spreadsheet": (["train", "series.xlsx"], "neither a plain text nor a table"),
    "task without its file": (["train", "forecast"], "needs source"),
    "impossible budget": (["compare", "recall", "--models", "lstm", "--budget", "3"], "smallest size costs"),
    "a budget of state": (
        ["compare", "adding", "--models", "lstm", "--match", "state", "--budget", "3"],
        "its smallest size costs 16 bytes of state, the budget is 3; say --budget 16",
    ),
    "unreachable budget": (
        ["compare", "recall", "--models", "lru+attention", "--set", "layer.attention.heads=2", "--budget", "8k"],
        "lru+attention: no width brings it near 8,000 parameters, the nearest costs 6,768; say --budget 6768",
    ),
    "zero steps": (["compare", "recall", "--models", "lstm", "--steps", "0"], "lstm learns nothing in 0 steps"),
    "zero workers": (["compare", "recall", "--workers", "0"], "workers must be at least 1, got 0"),
    "zero length": (["compare", "recall", "--lengths", "0"], "lengths must be at least 1, got 0"),
    "unknown field": (["compare", "recall", "--models", "lstm", "--set", "foo=1"], "choose another. (nearest of "),
    "no number": (["compare", "recall", "--budget", "many"], "not a number"),
    "no such device": (
        ["compare", "recall", "--quick", "--device", "nowhere"],
        "unknown device 'nowhere'; say cpu or cuda",
    ),
    "another arm's field": (["compare", "recall", "--models", "lstm,gru", "--set", "forget_bias=1"], "gru has no such"),
    "zero seeds": (["compare", "recall", "--seeds", "0"], "at least 1 seed"),
    "no run": (["generate", "nowhere"], "not a run"),
    "unwritable": (["compare", "recall", "--out", "/proc/nothing"], "choose another"),
    "a width that will not do": (["train", "parity", "--model", "attention", "--width", "7"], "must divide the width"),
    "a penalty that is not descended": (
        ["train", "adding", "--model", "echo-state", "--set", "l2=1e-3"],
        "l2 has no effect with readout=ridge; leave it out, or say readout=gradient",
    ),
    "a momentum that is not used": (
        ["compare", "adding", "--models", "gru,lstm", "--set", "momentum=0.5"],
        "momentum=0.5 has no effect with optimizer=adamw, as all arms have it; leave it out",
    ),
    "a flag said again": (
        ["train", "parity", "--steps", "9", "--model", "gru", "--steps", "7"],
        "--steps is said twice",
    ),
    "a field said again": (
        ["train", "parity", "--set", "l2=1e-4", "--model", "gru", "--set", "l2=1e-3"],
        "'l2' is given 2 times; give it once",
    ),
    "a field given again": (["train", "parity", "--set", "l2=1", "l2=2"], "'l2' is given 2 times; give it once"),
    "a study's device": (["compare", "depth", "--device", "gpu"], "say cpu or cuda"),
    "a task's option for a field": (
        ["train", "parity", "--set", "longest=9"],
        "longest is an option of the task; say --task-options longest=VALUE",
    ),
    "a task's option by its full name": (
        ["train", "parity", "--set", "task.longest=9"],
        "--task-options longest=VALUE",
    ),
    "unknown verb": (["trian", "embedded"], "trian"),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command_that_will_not_do(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    words, cause = COMMANDS[kind]
    assert cause in refused(words, capsys)
    assert not list(tmp_path.iterdir())


def test_an_unknown_model_is_told_the_nearest_of_those_that_an_arm_is_made_of(capsys: pytest.CaptureFixture[str]):
    said = refused(["compare", "recall", "--models", "gated-graphs"], capsys)
    assert ": gated-delta-net, " in said
    assert "'gated-graph'" not in said
    assert "gated-graph," not in said
    assert said.count(",") == 11


def test_an_unknown_flag_is_told_where_the_verb_s_own_are_said(capsys: pytest.CaptureFixture[str]):
    assert "statewise compare --help" in refused(["compare", "recall", "--nonesuch", "1"], capsys)
