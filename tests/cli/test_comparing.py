"""``statewise compare`` from its words to its exit code: what was expected and noted is told; failure is failure."""

import json
from pathlib import Path

import pytest

from statewise.cli.dispatch import WRONG_INPUT, run

OWN = """
from statewise.layers.recurrent.gru import GRU


class Raising(GRU):
    def _sequence(self, x, state):
        raise RuntimeError("no luck today")
"""
SMALL = ["--budget", "500", "--depth", "1", "--steps", "2", "--seeds", "1", "--trials", "1", "--lengths", "40"]


@pytest.fixture
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_was_expected_fixed_and_noted_before_is_in_terminal_result_and_report(
    in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]
):
    said = ["--margin", "0.25", "--hypotheses", "gru > rnn", "rnn = gru"]
    assert run(["compare", "parity", "--models", "rnn,gru", *SMALL, *said]) == 0
    told = " ".join(capsys.readouterr().out.split())
    result = json.loads((in_an_empty_folder / "comparisons/parity/result.json").read_text())
    page = (in_an_empty_folder / "comparisons/parity/report.html").read_text()
    assert result["config"]["margin"] == 0.25
    assert "a difference counts from 0.25" in told
    for hypothesis, statement in zip(result["hypotheses"], ("gru > rnn", "rnn = gru"), strict=True):
        assert hypothesis["statement"] == statement
        assert f"Hypothesis {statement}: {hypothesis['verdict']}" in told
        assert statement.replace(">", "&gt;") in page
    (note,) = result["task"]["notes"]
    assert "training, validation and test share them" in note
    assert note[1:] in page


def test_a_comparison_in_which_every_arm_failed_is_a_failure_that_keeps_its_folder(
    in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]
):
    (in_an_empty_folder / "own_failing.py").write_text(OWN)
    assert run(["compare", "parity", "--models", "own_failing:Raising", *SMALL]) == WRONG_INPUT
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    assert "no arm finished a run" in sentence
    assert "no luck today" in sentence
    assert (in_an_empty_folder / "comparisons/parity/report.html").exists()


def test_a_hypothesis_about_no_arm_is_refused_before_anything_is_run(
    in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["compare", "parity", "--models", "rnn,gru", *SMALL, "--hypotheses", "gru > lstm"]
    assert run(words) == WRONG_INPUT
    assert "names no arm 'lstm'" in capsys.readouterr().err
    assert not (in_an_empty_folder / "comparisons").exists()


def test_a_hypothesis_said_after_the_results_is_marked_as_such_for_good(
    in_an_empty_folder: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["compare", "parity", "--models", "rnn,gru", *SMALL]
    marks = []
    for said in (["gru > rnn"], ["rnn > gru", "gru > rnn"], ["rnn > gru"]):
        assert run([*words, "--hypotheses", *said]) == 0
        result = json.loads((in_an_empty_folder / "comparisons/parity/result.json").read_text())
        marks.append({hypothesis["statement"]: hypothesis["said"] for hypothesis in result["hypotheses"]})
        (in_an_empty_folder / "comparisons/parity/result.json").unlink()
    assert marks == [{"gru > rnn": "before"}, {"rnn > gru": "after", "gru > rnn": "before"}, {"rnn > gru": "after"}]
    told = capsys.readouterr().out
    assert told.count("Hypothesis, said after the results, rnn > gru:") == 2
    assert "Hypothesis gru > rnn:" in told
    assert "Said after the results." in (in_an_empty_folder / "comparisons/parity/report.html").read_text()
