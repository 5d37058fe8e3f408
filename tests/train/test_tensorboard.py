"""The history as event files: each step once, also when a training is resumed."""

from pathlib import Path

import pytest

from statewise.errors import UserError
from statewise.train.config import TrainConfig
from statewise.train.history import HistoryEntry
from statewise.train.loop import Trainer
from statewise.train.tensorboard import EventFiles

from .small import Rows, small_model

CONFIG = TrainConfig(steps=9, evaluate_every=2, checkpoint_every=3)


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag -> (step, value) of every event that stands in the files, none purged."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), purge_orphaned_data=False).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def train(folder: Path, steps: int) -> list[HistoryEntry]:
    """Go on for so many steps, as a process would that is killed then."""
    trainer, done = Trainer(small_model(), Rows(), CONFIG, folder), []
    with EventFiles(folder / "tensorboard", trainer.history) as events:

        def kill() -> bool:
            if len(done) == steps:
                raise KeyboardInterrupt
            return False

        try:
            outcome = trainer.run(on_entry=events.add, on_step=lambda step, loss: done.append(step), should_stop=kill)
        except KeyboardInterrupt:
            return []
    return outcome.history


def test_every_number_of_the_history_stands_there_once_though_the_training_was_killed_twice(tmp_path: Path):
    pytest.importorskip("tensorboard", reason="the tensorboard extra is not installed")
    assert train(tmp_path, 5) == []
    assert [step for step, _ in scalars(tmp_path / "tensorboard")["train_loss"]] == [2, 4]
    assert train(tmp_path, 4) == []
    history = train(tmp_path, 100)
    assert [entry.step for entry in history] == [2, 4, 6, 8, 9]
    found = scalars(tmp_path / "tensorboard")
    for tag, values in {
        "train_loss": [entry.train_loss for entry in history],
        "valid/error": [entry.metrics["error"] for entry in history],
    }.items():
        assert [step for step, _ in found[tag]] == [2, 4, 6, 8, 9]
        assert [value for _, value in found[tag]] == pytest.approx(values)
    assert found.keys() == {"train_loss", "valid/error", "learning_rate", "gradient_norm", "skipped", "tokens"}


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match=r"pip install 'statewise\[tensorboard\]'"):
        EventFiles(tmp_path, [])
