"""Folders that will not do: one sentence with cause and mend, exit code 2; what stood before stands after."""

import errno
import json
import shutil
from pathlib import Path

import pytest

from statewise.cli.dispatch import run

from .refusing import refused


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", "embedded", "--width", "8", "--depth", "1", "--steps", "2", "--out", str(folder)]
    assert run([*words, "--task-options", "most_scored=300"]) == 0
    return folder


def copy_of(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def test_a_folder_with_something_else_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "not empty" in refused(["train", "embedded", "--out", str(tmp_path)], capsys)
    assert "not empty" in refused(["compare", "recall", "--out", str(tmp_path)], capsys)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_run_with_another_config(finished: Path, capsys: pytest.CaptureFixture[str]):
    said = refused(["train", "embedded", "--width", "9", "--out", str(finished)], capsys)
    assert "another config" in said


def test_an_edited_config(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = copy_of(finished, tmp_path / "edited")
    config = json.loads((folder / "config.json").read_text())
    config["model"]["wdith"] = 9
    (folder / "config.json").write_text(json.dumps(config))
    assert "wdith" in refused(["generate", str(folder)], capsys)


def test_a_truncated_checkpoint(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = copy_of(finished, tmp_path / "cut")
    weights = folder / "best" / "tensors.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert "damaged" in refused(["generate", str(folder)], capsys)


@pytest.mark.parametrize("field", ["model.width", "task_options.most_scored", "train.batch_size"])
def test_a_config_other_than_trained_with(
    field: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = copy_of(finished, tmp_path / "other")
    config = json.loads((folder / "config.json").read_text())
    part, name = field.split(".")
    config[part][name] += 1
    (folder / "config.json").write_text(json.dumps(config))
    for verb in ("generate", "evaluate"):
        assert "not the config that the run was trained with" in refused([verb, str(folder)], capsys)


def test_a_finished_run_whose_weights_were_deleted(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = copy_of(finished, tmp_path / "gone")
    shutil.rmtree(folder / "best")
    assert "without its weights" in refused(["generate", str(folder)], capsys)


def test_a_full_disk(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("statewise.train.checkpoint.write_through", full)
    words = ["train", "embedded", "--width", "8", "--depth", "1", "--steps", "2", "--out", str(tmp_path / "run")]
    assert run(words) == 2
    assert "No space left" in capsys.readouterr().err


def test_generation_is_the_same_for_the_same_seed(finished: Path, capsys: pytest.CaptureFixture[str]):
    texts = []
    for seed in ("1", "1", "2"):
        assert run(["generate", str(finished), "--length", "40", "--seed", seed, "--prompt", "The "]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] != texts[2]
    assert texts[0].startswith("The ")


def test_a_comparison_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "config.json").write_text(json.dumps({"task": "recall", "models": ["lstm"]}))
    assert "not a run but a comparison" in refused(["evaluate", str(tmp_path)], capsys)
    assert "not a run but a comparison" in refused(["train", "parity", "--out", str(tmp_path)], capsys)


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("preprocessing.json", '{"input": ', "damaged"),
        ("preprocessing.json", "{}", "edited or is damaged"),
        ("config.json", "[]", "not written by statewise"),
        ("best/facts.json", "", "damaged"),
        ("best/facts.json", '{"stpe": 2}', "edited or is damaged"),
        ("result.json", "no", "damaged"),
    ],
)
def test_a_damaged_file_of_a_run(
    name: str, content: str, cause: str, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = copy_of(finished, tmp_path / "damaged")
    (folder / name).write_text(content)
    assert cause in refused(["report" if name == "result.json" else "generate", str(folder)], capsys)
