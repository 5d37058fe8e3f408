"""A run folder: made, interrupted with Ctrl-C, gone on with, diverged, refused."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from statewise.cli.dispatch import run
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import default_config
from statewise.runs.complete import as_data, complete_run
from statewise.runs.config import RunConfig
from statewise.runs.folder import load_run
from statewise.runs.training import score_run, train_run
from statewise.tasks.computing import Parity
from statewise.train.checkpoint import load_checkpoint
from statewise.train.config import TrainConfig

TASK = {"longest": 6, "shortest": 2, "evaluation_sequences": 16}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def config(**fields: Any) -> RunConfig:
    train = TrainConfig(**{"steps": 6, "batch_size": 4, "evaluate_every": 2, "checkpoint_every": 2, **fields})
    return RunConfig("parity", ModelConfig(layer="gru", width=4, depth=1), train, TASK)


def test_a_run_folder_explains_itself_and_is_used_without_its_data(tmp_path: Path):
    folder = tmp_path / "run"
    result = train_run(config(), folder, command="statewise train parity")
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "environment.json", "history.jsonl", "preprocessing.json", "result.json", "README.md", "best",
        "last",
    }  # fmt: skip
    assert json.loads((folder / "result.json").read_text())["test"] == result["test"]
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6]
    assert "statewise train parity" in (folder / "README.md").read_text()
    weights = load_run(folder).model.state_dict()
    best = {name[5:]: tensor for name, tensor in load_checkpoint(folder / "last")[0].items() if name[:5] == "best."}
    assert best.keys() == weights.keys()
    assert all(torch.equal(tensor, best[name]) for name, tensor in weights.items())


def test_a_finished_run_is_not_trained_again(tmp_path: Path):
    first = train_run(config(), tmp_path, command="-")
    steps: list[int] = []
    again = train_run(config(), tmp_path, command="-", on_step=lambda step, loss: steps.append(step))
    assert steps == []
    assert again == first


def test_another_config_is_refused(tmp_path: Path):
    train_run(config(), tmp_path, command="-")
    with pytest.raises(UserError, match=r"another config .train.steps 6 there, 8 here: .* so none can be added"):
        train_run(config(steps=8), tmp_path, command="-")
    with pytest.raises(UserError, match=r"another config .train.seed 0 there, 1 here\); to go on with it say what st"):
        train_run(config(seed=1), tmp_path, command="-")


def test_divergence_is_one_sentence_with_advice_and_the_best_weights_are_kept(tmp_path: Path):
    wild = config(steps=400, learning_rate=1e4, optimizer="sgd", clip="none", warmup=20, evaluate_every=10)
    with pytest.raises(UserError, match=r"training diverged: .*; lower learning_rate .* --out; the weights of update"):
        train_run(wild, tmp_path, command="-")
    assert as_data(load_run(tmp_path).config) == as_data(complete_run(wild))
    assert not (tmp_path / "result.json").exists()
    with pytest.raises(UserError, match="training diverged"):
        train_run(wild, tmp_path, command="-", on_step=lambda step, loss: pytest.fail("trained on"))


def test_tensorboard_writes_into_the_run_folder(tmp_path: Path):
    pytest.importorskip("tensorboard", reason="the tensorboard extra is not installed")
    train_run(config(), tmp_path, command="-", tensorboard=True)
    assert len(list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))) == 1


def words(folder: Path) -> list[str]:
    """A training of some seconds, as a person types it."""
    model = ["--model", "gru", "--width", "8", "--depth", "1", "--steps", "200", "--batch-size", "4"]
    options = [f"{name}={value}" for name, value in TASK.items()]
    return ["train", "parity", *model, "--set", "evaluate_every=20", "--task-options", *options, "--out", str(folder)]


def iter_until(word: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines as far as the first that begins with ``word``."""
    for line in lines:
        yield line
        if line.startswith(word):
            return


def test_ctrl_c_saves_and_says_how_to_go_on_and_the_resumed_run_ends_like_the_whole_one(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "statewise", *words(tmp_path / "stopped")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    heard = list(iter_until("step 20:", process.stderr))
    process.send_signal(signal.SIGINT)
    said = "".join([*heard, *process.communicate()])
    assert process.returncode == 130, said
    assert "with: statewise train parity --model gru --width 8 --depth 1 --steps 200 --batch-size 4" in said
    assert "Traceback" not in said
    stopped_at = load_checkpoint(tmp_path / "stopped" / "last")[1]["progress"]["step"]
    assert 20 <= stopped_at < 200
    assert f"update {stopped_at}" in said
    weights, best = load_run(tmp_path / "stopped").model.state_dict(), load_checkpoint(tmp_path / "stopped" / "last")[0]
    assert all(torch.equal(tensor, best[f"best.{name}"]) for name, tensor in weights.items())
    assert [run(words(tmp_path / name)) for name in ("stopped", "whole")] == [0, 0]
    one, other = (load_checkpoint(tmp_path / name / "last") for name in ("stopped", "whole"))
    assert one[1] == other[1]
    assert all(torch.equal(tensor, other[0][name]) for name, tensor in one[0].items())
    results = [(tmp_path / name / "result.json").read_text() for name in ("stopped", "whole")]
    assert results[0] == results[1]


def test_a_run_s_config_says_every_option_so_that_a_default_may_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sparse = replace(config(), task_options={"longest": 6})
    train_run(sparse, tmp_path, command="-")
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["task_options"] == {"shortest": 1, "longest": 6, "evaluation_sequences": 512}
    assert written["model"]["options"] == default_config("gru", context_length=None).options != {}
    before = score_run(tmp_path)
    monkeypatch.setitem(Parity.__init__.__kwdefaults__, "evaluation_sequences", 3)
    assert score_run(tmp_path) == before


def test_a_config_of_fewer_words_goes_on_in_the_same_folder(tmp_path: Path):
    sparse = replace(config(), task_options={"longest": 6})
    assert train_run(sparse, tmp_path, command="-") == train_run(complete_run(sparse), tmp_path, command="-")


def test_data_that_changed_are_refused_and_the_run_is_left_alone(tmp_path: Path):
    text, folder = tmp_path / "text.txt", tmp_path / "run"
    text.write_text("to be or not to be, that is the question. " * 40)
    task = {"source": str(text), "chunk": 8}
    of_text = replace(config(steps=2), task="language", task_options=task)
    result = train_run(of_text, folder, command="-")
    written = (folder / "preprocessing.json").read_text()
    text.write_text(text.read_text().replace("to be", "at sea"))
    for use in (lambda: score_run(folder), lambda: train_run(of_text, folder, command="-")):
        with pytest.raises(UserError, match=r"not what they were .* put them back"):
            use()
    assert (folder / "preprocessing.json").read_text() == written
    text.write_text(text.read_text().replace("at sea", "to be"))
    assert score_run(folder)["test"] == result["test"]


def test_a_run_is_used_and_gone_on_with_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "text.txt").write_text("to be or not to be, that is the question. " * 40)
    monkeypatch.chdir(tmp_path)
    typed = RunConfig("text.txt", config().model, config(steps=2).train, {"chunk": 8})
    result = train_run(typed, Path("run"), command="-")
    assert train_run(typed, Path("run"), command="-") == result
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert score_run(Path("../run"))["test"] == result["test"]


def test_the_embedded_text_is_no_file():
    assert complete_run(RunConfig("embedded")).task_options["source"] == "embedded"


def test_a_run_stopped_before_its_first_evaluation_says_so(tmp_path: Path):
    train_run(config(), tmp_path, command="-", should_stop=lambda: True)
    with pytest.raises(UserError, match="stopped before its first evaluation; run its command again"):
        load_run(tmp_path)


def test_a_config_that_will_not_do_leaves_the_folder_free_for_one_that_does(tmp_path: Path):
    unmade = replace(config(), model=ModelConfig("deep-equilibrium", {"contraction": 3.0}, width=4, depth=1))
    for wrong, cause in ((config(device="nowhere"), "unknown device"), (unmade, "contraction between 0 and 1")):
        with pytest.raises(UserError, match=cause):
            train_run(wrong, tmp_path / "runs" / "run", command="-")
    assert not list(tmp_path.iterdir())
    assert train_run(config(), tmp_path / "run", command="-")["status"] == "finished"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"dropout_mask": "sequence"}, "dropout_mask has no effect with dropout=0"),
        ({"spectral_bound": 0.5, "weight_norm": "weight"}, "spectral_bound has no effect with weight_norm=weight"),
    ],
)
def test_a_field_of_the_model_that_would_have_no_effect_is_refused(fields: dict[str, Any], told: str, tmp_path: Path):
    model = ModelConfig(layer="gru", width=4, depth=1, **fields)
    with pytest.raises(UserError, match=told):
        train_run(replace(config(), model=model), tmp_path / "run", command="-")
    assert not (tmp_path / "run").exists()
