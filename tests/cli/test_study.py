"""``statewise compare`` with the name of a study, from its words to its page."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from statewise.cli import compare, study
from statewise.cli.dispatch import INTERRUPTED, WRONG_INPUT, run
from statewise.cli.study import as_asked
from statewise.cli.trials import Trials
from statewise.cli.verbs import Compare
from statewise.compare.config import CompareConfig
from statewise.compare.presets import PRESETS
from statewise.compare.study import Part, SettingsOverCells, Study, Together
from statewise.tasks.resolve import TASKS
from statewise.train.config import TrainConfig

SMALL = CompareConfig(
    task="parity", models=("rnn", "gru"), budget=500, depth=1, seeds=1, trials=1, lengths=(40,), measure=False,
    workers=1, train=TrainConfig(steps=2), hypotheses=("gru > rnn",),
)  # fmt: skip
TINY = Study(
    "tiny",
    "Does a gate help?",
    (Part("near", "Near things", SMALL), Part("far", "Far things", SMALL, {"hypotheses": ("rnn > gru",)})),
    (Together("The GRU leads", {"near": ("gru > rnn",)}), SettingsOverCells("Tuning matters", ("near", "far"))),
)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compare, "PRESETS", {"tiny": TINY})
    return tmp_path / "comparisons/tiny"


def test_a_study_ends_with_one_table_and_one_page_and_goes_on_where_it_was(
    tiny: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["compare", "tiny", "--json"]) == 0
    told = capsys.readouterr().out
    assert json.loads(told.splitlines()[-1])["report"] == "comparisons/tiny/study.html"
    assert "Does a gate help?" in told
    page = (tiny / "study.html").read_text()
    for name in ("near", "far"):
        assert (tiny / name / "report.html").exists()
        assert f'href="{name}/report.html"' in page
    assert "gru &gt; rnn" in page
    assert "The GRU leads" in page
    result = json.loads((tiny / "result.json").read_text())
    assert [said["verdict"] for said in result["statements"]] == ["undecided", "undecided"]
    assert [arm["trainings"] for arm in result["comparisons"][0]["arms"]] == [1, 1]

    trials = {path: path.stat().st_mtime_ns for path in tiny.glob("*/trials/*.json")}
    (tiny / "study.html").unlink()
    assert run(["compare", "tiny"]) == 0
    assert {path: path.stat().st_mtime_ns for path in tiny.glob("*/trials/*.json")} == trials
    (tiny / "study.html").unlink()
    assert run(["report", str(tiny)]) == 0
    assert (tiny / "study.html").exists()


def test_a_study_that_is_stopped_has_a_page_of_what_is_finished(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    begin = study._begin

    def stop(trials: Trials, of: Study, part: Part) -> None:
        begin(trials, of, part)
        if part.name == "far":
            raise KeyboardInterrupt

    monkeypatch.setattr(study, "_begin", stop)
    assert run(["compare", "tiny"]) == INTERRUPTED
    assert f"report of what is finished: {Path('comparisons/tiny/study.html')}" in capsys.readouterr().out
    (tiny / "study.html").unlink()
    assert run(["report", str(tiny)]) == 0
    page = (tiny / "study.html").read_text()
    assert "This study is not finished." in page
    assert "<b>far</b> (Far things)." in page
    assert "Not judged without them: The GRU leads" not in page
    assert "Not judged without them: Tuning matters. The same command goes on." in page
    assert 'href="near/report.html"' in page
    assert 'href="far/report.html"' not in page

    monkeypatch.setattr(study, "_begin", begin)
    assert run(["compare", "tiny"]) == 0
    assert "not finished" not in (tiny / "study.html").read_text()


def test_what_is_said_of_a_study_is_said_of_all_its_comparisons():
    asked = Compare(task="tiny", quick=True, seeds=4, trials=2, device="cuda")
    near, far = (part.config for part in as_asked(TINY, asked).parts)
    assert near == replace(SMALL, seeds=4, trials=2, train=replace(SMALL.train, device="cuda"))
    assert far == replace(near, hypotheses=("rnn > gru",))


@pytest.mark.parametrize("flag", [["--models", "lstm"], ["--budget", "9"], ["--steps", "3"], ["--vary", "depth=1,2"]])
def test_what_a_study_says_itself_is_not_said_again(flag: list[str], tiny: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["compare", "tiny", *flag]) == WRONG_INPUT
    assert f"leave {flag[0]} out" in capsys.readouterr().err
    assert not tiny.exists()


def test_no_study_has_the_name_of_a_task_and_all_are_listed(capsys: pytest.CaptureFixture[str]):
    assert not set(PRESETS) & {*TASKS, "embedded"}
    assert run(["tasks"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in PRESETS)
