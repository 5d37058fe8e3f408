"""What the documents say is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def code_blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_layer_and_the_wrapper_of_contributing_keep_the_laws():
    layer, wrapper, _ = code_blocks("CONTRIBUTING.md")
    for block, name in ((layer, "MGU"), (wrapper, "Highway")):
        space: dict[str, object] = {"__name__": "contributing"}
        exec(block, space)
        assert name in space


def test_the_task_of_contributing_keeps_the_rules_and_is_found_by_its_import_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from statewise.errors import UserError
    from statewise.tasks.resolve import make_task, name_task

    example = code_blocks("CONTRIBUTING.md")[-1]
    exec(example, {"__name__": "__main__"})
    (tmp_path / "mine_from_contributing.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    name, options = name_task("mine_from_contributing:First")
    assert make_task(name, {**options, "symbols": 8}).chance() == 1 / 8
    with pytest.raises(UserError, match="option symbols of task first should be a valid integer"):
        make_task(name, {"symbols": "five"})


def test_the_example_of_the_readme_runs():
    for example in code_blocks("README.md"):
        space: dict[str, object] = {}
        exec(example, space)
        assert space["y_t"].shape == (2, 8)


def test_the_architecture_names_every_room_and_no_other():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "statewise"
    rooms = {path.name + "/" for path in package.iterdir() if path.is_dir() and path.name != "__pycache__"}
    rooms |= {path.name for path in package.glob("*.py") if not path.name.startswith("_")}
    house = page.split("```")[1]
    named = set(re.findall(r"\b[a-z]+(?:/|\.py)(?=\s)", house))
    assert named == rooms


def test_help_is_quick_to_import():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, statewise.cli.dispatch; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
