"""Triton's compiler takes every kernel: the interpreter also runs what the compiler refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "gpu_kernels.py"


@pytest.mark.parametrize(
    ("arguments", "kernels"),
    [
        ("--only steps scan cells delta --widths 16 --dtypes bf16", 44),
        ("--only dense --gates PeepholeLSTMGates --widths 16 --dtypes fp32", 2),
    ],
)
def test_kernels_become_machine_code_without_a_gpu(arguments, kernels, tmp_path):
    environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"}
    run = subprocess.run(
        [sys.executable, "-W", "ignore", SCRIPT, *arguments.split()], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    lines = run.stdout.splitlines()[2:]
    assert len(lines) == kernels
    assert all(0 < int(line.split()[-3]) <= 255 for line in lines)
