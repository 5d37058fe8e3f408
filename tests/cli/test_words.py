"""The grammar of a command: what each flag takes, and one sentence for whatever it cannot take."""

import importlib.metadata
import re
import subprocess
import sys

import pytest

from statewise.cli import verbs
from statewise.cli.dispatch import DOES, parse, run
from statewise.cli.words import flags_of, read_words
from statewise.compare.presets import PRESETS
from statewise.cost.bench.config import BenchConfig

from .refusing import refused


def test_every_kind_of_flag_is_read_wherever_it_stands():
    said = read_words(
        verbs.Compare,
        [
            *("--models=gru,lstm", "recall", "--seeds", "3", "--margin", "-0.5", "--set", "l2=1e-4", "clip=none"),
            *("--match", "flops", "--no-companions", "--json", "--learning_rates", "1e-4,1e-2"),
        ],
    )
    assert (said.task, said.models, said.seeds, said.margin) == ("recall", "gru,lstm", 3, -0.5)
    assert (said.set, said.match, said.companions, said.json) == (("l2=1e-4", "clip=none"), "flops", False, True)
    assert (said.learning_rates, said.trials, said.quick) == ("1e-4,1e-2", None, False)


def test_a_value_that_begins_as_a_flag_does_is_attached():
    assert read_words(verbs.Generate, ["run", "--prompt=--x", "--seed", "-1"]) == verbs.Generate(
        "run", prompt="--x", seed=-1
    )


def test_what_takes_several_words_may_be_said_again():
    said = read_words(verbs.Train, ["parity", "--set", "l2=1", "clip=none", "--model", "gru", "--set", "l1=1"])
    assert said.set == ("l2=1", "clip=none", "l1=1")


def test_what_is_not_said_is_left_to_the_library():
    assert read_words(verbs.Compare, []) == verbs.Compare()
    assert read_words(verbs.Train, ["parity"]) == verbs.Train("parity")


@pytest.mark.parametrize("verb", DOES, ids=lambda verb: verb.__name__)
def test_the_help_shows_the_flags_that_are_read(verb: type, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        parse([verb.__name__.lower(), "--help"])
    shown = re.findall(r"^. (--[a-z-]+)(?:, (--[a-z-]+))?", capsys.readouterr().out, re.MULTILINE)
    assert {flag for row in shown for flag in row if flag} == flags_of(verb).keys()


def test_the_help_names_every_study(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        parse(["compare", "--help"])
    assert " or ".join(PRESETS) in " ".join(re.sub("│", "", capsys.readouterr().out).split())


@pytest.mark.parametrize("columns", [30, 80])
def test_the_help_leaves_no_letter_out_where_words_are_long(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        parse(["bench", "--help"])
    told = re.sub(r"[│\s]+", "", capsys.readouterr().out)
    assert f"(default:{','.join(BenchConfig().models)})" in told
    assert "…" not in told


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_the_help_is_as_wide_as_the_terminal_and_no_wider_than_one_reads(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit):
        parse(["compare", "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) == min(columns, 100)


WRONG = {
    "no place": (["train"], "DATA is missing; say it right after the verb, as in statewise train DATA ("),
    "an empty place": (["train", ""], "DATA is empty; say what it is right after the verb"),
    "an empty place that has a default": (["compare", ""], "TASK is empty"),
    "the place after many": (["train", "--set", "l2=1", "parity"], "as --set takes all words after it"),
    "a word too many": (["evaluate", "a", "b"], "'b' belongs to no flag, and RUN is 'a' already; put quotes around"),
    "two times": (["forecast", "run", "--at", "A", "B"], "--at takes one word: separate several by commas"),
    "two numbers": (["train", "parity", "--steps", "3", "4"], "'4' belongs to no flag, and DATA is 'parity' already"),
    "no number": (["train", "parity", "--steps", "abc"], "--steps takes a whole number, got 'abc'"),
    "a broken number": (["train", "parity", "--steps", "1.5"], "--steps takes a whole number, got '1.5'"),
    "no fraction": (["train", "parity", "--learning-rate", "fast"], "--learning-rate takes a number, got 'fast'"),
    "no choice": (["compare", "recall", "--match", "size"], "--match takes parameters or flops or state, got 'size'"),
    "no value": (["compare", "recall", "--match"], "--match lacks its value; say it right after the flag"),
    "a flag for a value": (["train", "parity", "--steps", "--json"], "--steps lacks its value"),
    "none of several": (["train", "parity", "--set", "--json"], "--set lacks its value"),
    "a value of none": (["train", "parity", "--json=3"], "--json takes no value, got '3'"),
    "unknown flag": (["train", "parity", "--stepz", "3"], "unknown flag '--stepz'; did you mean '--steps'?"),
    "short flag": (["train", "parity", "-m", "gru"], "unknown flag '-m'"),
    "a field for a flag": (["train", "parity", "--l2", "1e-4"], "has no flag --l2; say --set l2=VALUE"),
    "a flag again": (["train", "parity", "--steps", "3", "--steps", "4"], "--steps is said twice; say it once"),
    "unknown verb": (["trian", "embedded"], "unknown verb 'trian'; did you mean 'train'?"),
    "a flag for a verb": (["--steps", "3"], "unknown verb '--steps'"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_word_gets_one_sentence(kind: str, capsys: pytest.CaptureFixture[str]):
    words, cause = WRONG[kind]
    said = refused(words, capsys)
    assert said.startswith("statewise: ")
    assert cause in said


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["train", "--stepz", "--help"]])
def test_whoever_asks_for_help_gets_it(words: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        run(words)
    assert not ended.value.code
    assert "usage: statewise" in capsys.readouterr().out


def test_the_version_is_one_line_and_takes_nothing_heavy():
    code = """
import sys
from statewise.cli.dispatch import run
try:
    run(["--version"])
finally:
    assert not {"torch", "numpy", "scipy", "pydantic", "rich"} & set(sys.modules)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"statewise {importlib.metadata.version('statewise')}\n"


def test_without_an_installation_the_version_is_not_made_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("statewise.installed.version", lambda package: "")
    with pytest.raises(SystemExit):
        run(["--version"])
    assert capsys.readouterr().out == "statewise (not installed, run from its folder)\n"


def test_the_help_names_the_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        run(["--help"])
    assert "--version" in capsys.readouterr().out
