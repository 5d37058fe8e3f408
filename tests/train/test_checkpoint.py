"""Checkpoints appear whole or not at all; what is not one of ours, or another's, is refused with a sentence."""

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from statewise.errors import UserError
from statewise.train import checkpoint
from statewise.train.checkpoint import FACTS, TENSORS, load_checkpoint, save_checkpoint
from statewise.train.config import TrainConfig
from statewise.train.history import HistoryEntry, read_history, write_history
from statewise.train.loop import Trainer

from .small import Rows, Streams, small_model

OPERATIONS = [(os, "fsync"), (Path, "rename"), (shutil, "rmtree"), (Path, "mkdir")]


class Killed(BaseException):
    """The process is gone."""


def fail_at(number: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the file operation of that number fail, and all after it; names those that were tried."""
    tried: list[str] = []

    def failing(operation: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **keywords: Any) -> Any:
            tried.append(name)
            if len(tried) > number:
                if keywords.get("ignore_errors") and isinstance(error, OSError):
                    return None
                raise error
            return operation(*args, **keywords)

        return call

    for owner, name in OPERATIONS:
        monkeypatch.setattr(owner, name, failing(getattr(owner, name), name))
    return tried


def save(folder: Path, value: float) -> None:
    save_checkpoint(folder, {"value": torch.full((5,), value)}, {"value": value})


@pytest.mark.parametrize("error", [Killed(), OSError(errno.ENOSPC, "No space left on device")], ids=["killed", "full"])
@pytest.mark.parametrize("number", range(9))
def test_whenever_it_fails_the_old_or_the_new_one_is_whole(
    number: int, error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "last"
    save(folder, 1.0)
    with monkeypatch.context() as patch:
        tried = fail_at(number, error, patch)
        with contextlib.suppress(Killed, UserError):
            save(folder, 2.0)
    tensors, facts = load_checkpoint(folder)
    assert facts["value"] in (1.0, 2.0)
    assert torch.equal(tensors["value"], torch.full((5,), facts["value"]))
    assert facts["value"] == 1.0 or number >= tried.index("rename") + 2
    save(folder, 3.0)
    assert load_checkpoint(folder)[1] == {"value": 3.0}
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_all_operations_were_among_those_that_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save(tmp_path / "last", 1.0)
    with monkeypatch.context() as patch:
        tried = fail_at(100, Killed(), patch)
        save(tmp_path / "last", 2.0)
    assert len(tried) <= 9
    assert {"fsync", "rename", "rmtree", "mkdir"} <= set(tried)


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Of every file half is written."""

    def half_written(path: Path, data: bytes) -> None:
        path.write_bytes(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "write_through", half_written)
        yield


def test_a_full_disk_while_writing_says_so_and_leaves_the_old_one(tmp_path: Path):
    folder = tmp_path / "last"
    save(folder, 1.0)
    for place in (folder, tmp_path / "best"):
        with full_disk(), pytest.raises(UserError, match=r"No space left on device; free .*go on from the last"):
            save(place, 2.0)
    assert load_checkpoint(folder)[1] == {"value": 1.0}
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_full_disk_at_the_first_checkpoint_promises_none(tmp_path: Path):
    with full_disk(), pytest.raises(UserError, match="there is no checkpoint yet, so it begins anew") as refusal:
        save(tmp_path / "run" / "last", 1.0)
    assert "the last checkpoint" not in str(refusal.value)
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize("name", [TENSORS, FACTS])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(name: str, share: float, tmp_path: Path):
    folder = trained(tmp_path)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match="is damaged or was not written by statewise") as refusal:
        resume(tmp_path)
    assert "\n" not in str(refusal.value)


FOREIGN = {
    "a missing file": (lambda folder: (folder / TENSORS).unlink(), "damaged"),
    "missing facts": (lambda folder: (folder / FACTS).unlink(), "damaged"),
    "binary facts": (lambda folder: (folder / FACTS).write_bytes(b"\xff\xfe\x00"), "damaged"),
    "a pickle": (lambda folder: torch.save({"a": torch.ones(1)}, folder / TENSORS), "damaged"),
    "facts that are a list": (lambda folder: (folder / FACTS).write_text("[1]"), "no JSON object"),
    "facts of something else": (lambda folder: (folder / FACTS).write_text("{}"), "no checkpoint of this training"),
    "progress of another version": (
        lambda folder: edit_facts(folder, progress={"step": 1, "phase": "x"}),
        "not written by this version",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_checkpoint_is_refused(kind: str, tmp_path: Path):
    spoil, cause = FOREIGN[kind]
    spoil(trained(tmp_path))
    with pytest.raises(UserError, match=cause):
        resume(tmp_path)


OTHERS = {
    "another width": ({"width": 5}, {}, "belongs to another model: .* has shape"),
    "another layer": ({"layer": "gru"}, {}, "belongs to another model"),
    "another depth": ({"depth": 2}, {}, "belongs to another model"),
    "another optimiser": ({}, {"optimizer": "sgd"}, "its optimizer is AdamW, here it is SGD"),
    "another optimiser still": ({}, {"optimizer": "rmsprop"}, "its optimizer is AdamW, here it is RMSprop"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_the_checkpoint_of_another_training_is_refused_and_left_alone(kind: str, tmp_path: Path):
    model, train, cause = OTHERS[kind]
    folder = trained(tmp_path)
    before = (folder / TENSORS).read_bytes()
    with pytest.raises(UserError, match=cause):
        Trainer(small_model(**model), Streams(), TrainConfig(steps=4, **train), tmp_path)
    assert (folder / TENSORS).read_bytes() == before


def test_another_models_carried_state_is_refused(tmp_path: Path):
    folder = trained(tmp_path)
    tensors, facts = load_checkpoint(folder)
    carried = {name for name in tensors if name.startswith("carry.")}
    assert carried
    tensors[min(carried)] = tensors[min(carried)][:, :1]
    save_checkpoint(folder, tensors, facts)
    with pytest.raises(UserError, match="carries the state of another model"):
        resume(tmp_path)


def test_a_full_disk_in_a_training_keeps_its_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Later, with space, it goes on and ends as if nothing had been."""
    config = TrainConfig(steps=9, evaluate_every=2, checkpoint_every=3)
    whole = small_model()
    Trainer(whole, Streams(), config).run()
    with monkeypatch.context() as patch:
        real, calls = os.fsync, []

        def fsync(number: int) -> None:
            calls.append(number)
            if len(calls) > 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(number)

        patch.setattr(os, "fsync", fsync)
        with pytest.raises(UserError, match="No space left"):
            Trainer(small_model(), Streams(), config, tmp_path).run()
    resumed = small_model()
    trainer = Trainer(resumed, Streams(), config, tmp_path)
    assert trainer.progress.step == 3
    trainer.run()
    assert all(torch.equal(tensor, whole.state_dict()[name]) for name, tensor in resumed.state_dict().items())


def test_history_is_plain_data_and_a_line_cut_short_is_left_out(tmp_path: Path):
    path = tmp_path / "history.jsonl"
    entries = [HistoryEntry(step, 8 * step, 1.5, 0.25, {"loss": 0.25}, 1e-3, 2.0, 0, 0.5) for step in (1, 2, 3)]
    write_history(path, entries)
    assert read_history(path) == entries
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2, 3]
    path.write_text(path.read_text()[:-20])
    assert read_history(path) == entries[:2]


def test_a_kill_between_history_and_checkpoint_loses_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = TrainConfig(steps=8, evaluate_every=2, checkpoint_every=4)
    expected = [entry.step for entry in Trainer(small_model(), Rows(), config).run().history]
    for number in range(12):
        folder = tmp_path / str(number)
        with monkeypatch.context() as patch:
            fail_at(number, Killed(), patch)
            with contextlib.suppress(Killed):
                Trainer(small_model(), Rows(), config, folder).run()
        found = Trainer(small_model(), Rows(), config, folder).run().history
        assert [entry.step for entry in found] == expected


def trained(folder: Path) -> Path:
    """The checkpoint of a training that stands at step 2 of 4."""
    done: list[int] = []
    config = TrainConfig(steps=4, checkpoint_every=2)
    Trainer(small_model(), Streams(), config, folder).run(
        on_step=lambda step, loss: done.append(step), should_stop=lambda: len(done) == 2
    )
    return folder / "last"


def resume(folder: Path) -> None:
    Trainer(small_model(), Streams(), TrainConfig(steps=4, checkpoint_every=2), folder)


def edit_facts(folder: Path, **changes: object) -> None:
    facts = json.loads((folder / FACTS).read_text())
    (folder / FACTS).write_text(json.dumps({**facts, **changes}))


def test_what_is_loaded_is_aligned_as_what_was_saved(tmp_path: Path):
    """Matrix products round otherwise on unaligned memory, so that a resumed training would not be the same."""
    saved = {f"{size}": torch.randn(size, dtype=torch.float64) for size in range(1, 20)}
    save_checkpoint(tmp_path / "last", saved, {})
    loaded = load_checkpoint(tmp_path / "last")[0]
    assert all(torch.equal(loaded[name], tensor) for name, tensor in saved.items())
    assert all(tensor.data_ptr() % 64 == saved["1"].data_ptr() % 64 for tensor in loaded.values())
