"""A training killed at any moment and started again ends as one that never was."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from statewise.train.checkpoint import load_checkpoint

SCRIPT = Path(__file__).parent / "killed_training.py"


def start(folder: Path, optimizer: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(folder), optimizer]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run_to_the_end(folder: Path, optimizer: str) -> None:
    process = start(folder, optimizer)
    process.communicate()
    assert process.returncode == 0


def run_with_kills(folder: Path, optimizer: str, kills: int, chance: random.Random) -> int:
    """Kill the training ``kills`` times, each a random number of updates after it began; how often it was hit."""
    hit = 0
    for _ in range(kills):
        process = start(folder, optimizer)
        assert process.stdout is not None
        for _ in range(chance.randint(2, 17)):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        hit += process.wait() == -signal.SIGKILL
        process.stdout.close()
    run_to_the_end(folder, optimizer)
    return hit


def history(folder: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@pytest.mark.parametrize(("optimizer", "kills"), [("adamw", 4), ("sgd", 1), ("rmsprop", 1)])
def test_killed_and_resumed_is_bit_for_bit_the_same(tmp_path: Path, optimizer: str, kills: int):
    run_to_the_end(tmp_path / "whole", optimizer)
    hit = run_with_kills(tmp_path / "killed", optimizer, kills, random.Random(3))
    assert hit == kills
    whole, killed = (load_checkpoint(tmp_path / name / "last")[0] for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert any(name.startswith("carry.") for name in whole)
    for name, tensor in whole.items():
        assert torch.equal(tensor, killed[name]), name
    assert history(tmp_path / "whole") == history(tmp_path / "killed")
