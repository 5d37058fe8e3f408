"""A training killed at any moment and started again ends as one that never was."""

import json
import multiprocessing
import random
import signal
import sys
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from statewise.train.checkpoint import load_checkpoint

HERE = Path(__file__).parent
KILLS = {"adamw": 4, "sgd": 2, "rmsprop": 2, "all at once": 3}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that processes are forked from imports what they need once."""
    monkeypatch.syspath_prepend(str(HERE))
    multiprocessing.get_context("forkserver").set_forkserver_preload(["killed_training"])


def start(folder: Path, training: str) -> tuple[BaseProcess, Connection]:
    import killed_training  # type: ignore[import-not-found]

    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=killed_training.train, args=(folder, training, theirs))
    process.start()
    theirs.close()
    return process, ours


def run_to_the_end(folder: Path, training: str) -> None:
    process, steps = start(folder, training)
    with steps:
        process.join()
    assert process.exitcode == 0


def run_with_kills(folder: Path, training: str, kills: int, chance: random.Random) -> list[int]:
    """Kill the training ``kills`` times, each a random number of updates after it began; the updates it was hit at."""
    hit = []
    for _ in range(kills):
        process, steps = start(folder, training)
        with steps:
            for _ in range(chance.randint(2, 17)):
                step = steps.recv()
            process.kill()
            process.join()
        assert process.exitcode == -signal.SIGKILL
        hit.append(step)
    run_to_the_end(folder, training)
    return hit


def history(folder: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@pytest.mark.skipif(sys.platform == "win32", reason="kills and forks as POSIX does")
@pytest.mark.parametrize("training", KILLS)
def test_killed_and_resumed_is_bit_for_bit_the_same(tmp_path: Path, training: str):
    run_to_the_end(tmp_path / "whole", training)
    hit = run_with_kills(tmp_path / "killed", training, KILLS[training], random.Random(3))
    assert any(step % 7 for step in hit), "every kill fell on a checkpoint"
    whole, killed = (load_checkpoint(tmp_path / name / "last")[0] for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert any(name.startswith("carry.") for name in whole)
    for name, tensor in whole.items():
        assert torch.equal(tensor, killed[name]), name
    assert history(tmp_path / "whole") == history(tmp_path / "killed")
