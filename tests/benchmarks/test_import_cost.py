"""The benchmark of imports measures importing, not compiling."""

import importlib
from pathlib import Path


def test_what_was_compiled_is_kept_whatever_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert importlib.import_module("import_cost").seconds("import json", str(tmp_path)) >= 0
    assert list(tmp_path.rglob("json/*.pyc"))
