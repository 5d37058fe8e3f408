import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import statewise
from statewise.ops.compiled.compiler import installed
from statewise.ops.compiled.sources import sources

WORK = """
import torch
from statewise.ops.compiled import elementwise, scan
from statewise.ops.cells.min_gru import MinGRUCell
ones = torch.ones(1, 3, 1)
h = scan.Loops(ones, ones, None).states(ones, ones, torch.zeros(1, 1))
elementwise.Loops(None).forward(MinGRUCell(), torch.zeros(1, 3, 2, 1), ones[..., :0], ones[0, :0], ones[:, 0])
hits = [sum(loop.stats.cache_hits.values()) for loop in (scan.scan, elementwise.forward)]
print(h.sum().item(), *hits)
"""


def run(package: Path, *, before: str = "") -> list[str]:
    """Sum of the states, and how often machine code of the scan and of minGRU was found, in a process of its own."""
    found = subprocess.run(
        [sys.executable, "-c", before + WORK],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(package)},
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split()


def test_machine_code_is_kept_until_a_source_that_it_is_made_of_changes(tmp_path: Path):
    package = tmp_path / "statewise"
    shutil.copytree(Path(statewise.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))

    def after_a_change_of(name: str) -> list[str]:
        file = package / "ops" / name
        file.write_text(file.read_text() + "\n")
        return run(tmp_path)

    assert run(tmp_path) == ["6.0", "0", "0"]
    assert after_a_change_of("cells/min_lstm.py") == ["6.0", "1", "1"]
    assert after_a_change_of("cells/min_gru.py") == ["6.0", "1", "0"]
    assert after_a_change_of("compiled/addresses.py") == ["6.0", "0", "1"]
    for index in package.rglob("elementwise.forward*.nbi"):  # as if it were of a version with cells that are gone
        index.write_bytes(index.read_bytes().replace(b"cells.min_gru", b"cells.no_more"))
    assert run(tmp_path) == ["6.0", "1", "0"]
    assert run(tmp_path) == ["6.0", "1", "1"]


def test_sources_are_followed_through_what_they_import():
    names = {file.name for file in sources("statewise.ops.gates.norm_lstm")}
    assert names == {"norm_lstm.py", "normalised.py", "norm.py", "parts.py", "sizes.py", "elementary.py"}


def test_where_nothing_can_be_kept_loops_run_all_the_same():
    nowhere = "from numba.core import caching; caching.CacheImpl._locator_classes = []"
    assert run(Path(statewise.__file__).parents[1], before=nowhere) == ["6.0", "0", "0"]


def test_a_numba_that_does_not_import_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "numba.py").write_text("raise ImportError('Numba needs NumPy 2.2 or less')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    with pytest.warns(UserWarning, match=r"numba does not import \(Numba needs NumPy"):
        assert not installed.__wrapped__()
