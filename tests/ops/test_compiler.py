import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import statewise
from statewise.ops.compiled.compiler import installed

WORK = """
import torch
from statewise.ops.compiled.scan import Loops, scan
ones = torch.ones(1, 3, 1)
h = Loops(None).states(ones, ones, torch.zeros(1, 1))
print(h.sum().item(), sum(scan.stats.cache_hits.values()))
"""


def run(package: Path, *, before: str = "") -> list[str]:
    """Sum of the states, and how often machine code was found, in a process of its own."""
    found = subprocess.run(
        [sys.executable, "-c", before + WORK],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(package)},
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split()


def test_machine_code_is_kept_until_the_source_of_anything_plugged_in_changes(tmp_path: Path):
    shutil.copytree(
        Path(statewise.__file__).parent, tmp_path / "statewise", ignore=shutil.ignore_patterns("__pycache__")
    )
    assert run(tmp_path) == ["6.0", "0"]
    assert run(tmp_path) == ["6.0", "1"]
    gates = tmp_path / "statewise" / "ops" / "gates" / "gru.py"
    gates.write_text(gates.read_text() + "\n")
    assert run(tmp_path) == ["6.0", "0"]


def test_where_nothing_can_be_kept_loops_run_all_the_same():
    nowhere = "from numba.core import caching; caching.CacheImpl._locator_classes = []"
    assert run(Path(statewise.__file__).parents[1], before=nowhere) == ["6.0", "0"]


def test_a_numba_that_does_not_import_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 2.2 or less')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    with pytest.warns(UserWarning, match=r"numba does not import \(Numba needs NumPy"):
        assert not installed.__wrapped__()
