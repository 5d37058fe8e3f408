"""Triton's compiler takes every kernel, and its launcher what kernels are given: the interpreter asks for less."""

import ast
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from statewise.ops import gpu
from statewise.ops.gpu.chains import CHAINS
from statewise.ops.gpu.gates import GATES

HERE = Path(__file__).parent
KERNELS = [
    "backward_kernel", "chain_back_kernel", "chain_kernel", "depthwise_back_kernel", "depthwise_kernel",
    "forward_kernel", "models_back_kernel", "models_kernel", "scan_back_kernel", "scan_kernel",
    "selective_back_kernel", "selective_kernel", "states_back_kernel", "states_kernel", "step_back_kernel",
    "step_kernel",
]  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """A script in a process of its own, in which kernels are compiled, not interpreted."""

    def run(*command: object) -> str:
        environment = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"}
        script = [sys.executable, "-W", "ignore", *map(str, command)]
        done = subprocess.run(script, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


def test_all_gates_become_machine_code_without_a_gpu(run):
    script = HERE.parents[2] / "benchmarks" / "gpu_kernels.py"
    lines = run(script, "--only", "steps", "chains", "--widths", "32", "--dtypes", "bf16").splitlines()[2:]
    assert len(lines) == 2 * (len(GATES) + len(CHAINS))
    assert all(0 < int(line.split()[-3]) <= 255 for line in lines)


def test_every_operation_is_launched_with_what_its_kernels_take(run):
    found = json.loads(run(HERE / "launches.py"))
    assert found["launched"] == KERNELS
    assert set(map(tuple, found["variants"].values())) == {(1,)}, "another B or T compiled anew"


def test_no_target_is_inside_another_which_triton_before_3_7_takes_for_no_code():
    def nested(node: ast.AST) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else []
        return any(isinstance(part, ast.Tuple) for target in targets for part in getattr(target, "elts", ()))

    for file in Path(inspect.getfile(gpu)).parent.rglob("*.py"):
        functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
        kernels = [function for function in functions if "triton.jit" in map(_name, function.decorator_list)]
        assert not [kernel.name for kernel in kernels if any(map(nested, ast.walk(kernel)))], file


def _name(decorator: ast.expr) -> str:
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
