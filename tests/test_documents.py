"""What the documents say is so."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import statewise
from statewise import laws
from statewise.cli import compare, dispatch
from statewise.contract import Vectors
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import build, find_entry
from statewise.tasks.resolve import make_task, name_task

ROOT = Path(__file__).parent.parent


def code_blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_layer_and_the_wrapper_of_contributing_keep_the_laws():
    layer, wrapper, *_ = code_blocks("CONTRIBUTING.md")
    for block, name in ((layer, "MGU"), (wrapper, "ReZero")):
        space: dict[str, object] = {"__name__": "__main__"}
        exec(block, space)
        assert name in space


def test_the_block_of_contributing_stands_in_a_hybrid_by_its_import_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "block_from_contributing.py").write_text(code_blocks("CONTRIBUTING.md")[2])
    monkeypatch.syspath_prepend(tmp_path)
    config = ModelConfig("gru+min-gru", width=4, block="block_from_contributing:SANDWICH", feed_forward=1.5)
    laws.check(build(config, Vectors(3), 2))


def test_the_task_of_contributing_keeps_the_rules_and_is_found_by_its_import_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    example = code_blocks("CONTRIBUTING.md")[-1]
    exec(example, {"__name__": "__main__"})
    (tmp_path / "mine_from_contributing.py").write_text(example)
    monkeypatch.syspath_prepend(tmp_path)
    name, options = name_task("mine_from_contributing:First")
    assert make_task(name, {**options, "symbols": 8}).chance() == 1 / 8
    with pytest.raises(UserError, match="option symbols of task first cannot be 'five'; it must be a valid integer"):
        make_task(name, {"symbols": "five"})


def test_the_example_of_the_architecture_runs(capsys: pytest.CaptureFixture[str]):
    (example,) = code_blocks("docs/architecture.md")
    exec(example, {"__name__": "__main__"})
    assert capsys.readouterr().out.strip() in example


def test_the_readme_s_verbs_from_python_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("All happy families are alike; each unhappy family is unhappy in its own way. " * 40)
    compared: list[statewise.CompareConfig] = []
    train_model = statewise.train_model
    monkeypatch.setattr(statewise, "compare_models", lambda config, folder: compared.append(config), raising=False)
    monkeypatch.setattr(
        statewise,
        "train_model",
        lambda config, folder: train_model(replace(config, train=replace(config.train, steps=1)), folder),
        raising=False,
    )
    with pytest.raises(AttributeError, match="'NoneType' object has no attribute 'report'"):
        exec(code_blocks("README.md")[0], {"__name__": "__main__"})
    assert len(capsys.readouterr().out) >= statewise.Sampling().length
    assert [config.task for config in compared] == ["corpus.txt"]


def test_the_readme_s_contract_is_so_and_its_layer_keeps_the_laws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _, contract, layer = code_blocks("README.md")
    space: dict[str, Any] = {}
    monkeypatch.chdir(tmp_path)
    exec(contract, space)
    assert space["y_t"].shape == (2, 8)
    torch.testing.assert_close(tuple(space["stream"].state), tuple(space["state"]), rtol=0, atol=0)
    exec(layer, space)
    laws.check(space["Decay"](input_size=3, hidden_size=4))


def test_the_readme_names_every_verb():
    verbs = {verb.__name__.lower() for verb in dispatch.DOES}
    table = re.findall(r"^\| (`.*?) \|", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {word for row in table for word in re.findall(r"`([a-z]+)", row)} == verbs


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


def test_the_demo_compares_six_families_with_three_seeds_and_four_models_on_text():
    space: dict[str, Any] = {"__name__": "demo"}
    exec((ROOT / "examples" / "demo.py").read_text(encoding="utf-8"), space)
    memory, text = (compare.make_config(dispatch.parse(space[name].split())) for name in ("MEMORY", "TEXT"))
    assert memory.seeds == 3
    assert len({find_entry(name).family for name in memory.models}) == 6
    assert len([find_entry(name) for name in text.models]) == 4
    assert [make_task(config.task, config.task_options).name for config in (memory, text)] == [
        "delayed-recall",
        "language",
    ]
