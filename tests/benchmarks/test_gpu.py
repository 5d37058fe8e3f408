"""The benchmark of GPUs, dry: what was never run on one shall at least run."""

import importlib
from pathlib import Path

import torch

from statewise.ops.compiled.compiler import without_compiled_loops

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def test_every_comparison_runs(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    with without_compiled_loops():
        gpu = importlib.import_module("gpu")
        gpu.main(["--device", DEVICE, "--dry"])
        named = [duel.name for group in gpu.GROUPS.values() for duel in group(gpu.DRY, DEVICE)]
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert "the figures mean nothing" in head
    assert len(lines) == len(named) >= len(gpu.GROUPS)
    assert all(line.startswith(name) for line, name in zip(lines, named, strict=True))
