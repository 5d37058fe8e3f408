"""A trial's address: everything that decides its scores, the code of one's own layer and task included."""

import ast
import sys
from pathlib import Path

import pytest

import statewise
from statewise.compare.arms import make_arms
from statewise.compare.config import CompareConfig
from statewise.compare.experiment import Event
from statewise.compare.run import complete, run_comparison
from statewise.compare.source import DECIDING, source_hash
from statewise.tasks.recalling import Recall
from statewise.train.config import TrainConfig
from statewise.workbench import WORKBENCH

ROOT = Path(statewise.__file__).parent

OWN = """
import torch
from statewise.contract import SequenceLayer, Vectors


class Leaky(SequenceLayer):
    def __init__(self, *, input_size, hidden_size, keep={keep}):
        super().__init__(Vectors(input_size), hidden_size)
        self.map = torch.nn.Linear(input_size, hidden_size)
        self.keep = keep

    def initial_state(self, batch_size):
        return self.zeros(batch_size, self.output_size)

    def step(self, x, state):
        h = self.keep * state + torch.tanh(self.map(x))
        return h, h * {scale}
"""


@pytest.fixture
def own(tmp_path: Path):
    """Writes the module of one's own and gives the import path."""
    sys.path.insert(0, str(tmp_path))

    def write(*, scale: float = 1.0) -> str:
        (tmp_path / "own_layer.py").write_text(OWN.format(keep=0.5, scale=scale))
        sys.modules.pop("own_layer", None)
        return "own_layer:Leaky"

    yield write
    sys.path.remove(str(tmp_path))
    sys.modules.pop("own_layer", None)


def run(name: str, folder: Path) -> tuple[list[Event], float]:
    events: list[Event] = []
    config = CompareConfig(
        task="delayed-recall",
        task_options={"delay": 2, "shortest": 6, "longest": 6, "evaluation_sequences": 16},
        models=(name,),
        budget=500,
        depth=1,
        seeds=1,
        trials=2,
        lengths=(6,),
        train=TrainConfig(steps=3, batch_size=4),
        workers=1,
        measure=False,
    )
    result = run_comparison(config, WORKBENCH, folder, command="none", watch=events.append)
    return events, result["arms"][0]["seeds"][0]["metrics"]["loss"]


def test_an_edited_layer_is_trained_anew_and_an_unedited_one_is_not(own, tmp_path: Path):
    folder = tmp_path / "out"
    first, loss = run(own(), folder)
    again, same = run(own(), folder)
    edited, other = run(own(scale=0.25), folder)
    assert [sum(event.what == "started" for event in events) for events in (first, again, edited)] == [3, 0, 3]
    assert same == loss
    assert other != loss
    assert [event.kept for event in again if event.what == "kept"] == [2, 1]
    assert not [event for event in edited if event.what == "kept"]


def test_the_hash_is_of_the_files_of_ones_own_and_of_no_others(own):
    before = source_hash([own(), "lstm"])
    assert source_hash([own(), "gru"]) == before
    assert source_hash([own(scale=0.5), "lstm"]) != before
    assert source_hash(["lstm"]) != before


def test_an_arm_rests_on_the_code_of_the_layer_inside_it_however_deep(own):
    def source(**options: float) -> str:
        inside = {"layer": "ntm", "options": {"controller": own(**options)}}
        config = CompareConfig(models=("ntm",), fixed={"layer.controller": inside})
        return make_arms(config, Recall(), WORKBENCH)[0].source

    assert source() == source() != source(scale=0.5)


def test_a_config_says_every_option_of_its_task():
    config, _ = complete(CompareConfig(task="recall", task_options={"pairs": 3}), WORKBENCH)
    assert config.task_options["pairs"] == 3
    assert {"symbols", "shortest", "longest", "power", "evaluation_sequences"} <= set(config.task_options)


PLUMBING = {
    "_lazy.py",
    "errors.py",
    "importing.py",
    "probe.py",
    "storage.py",
    "compare/builders.py",
    "compare/config.py",
}
"""What a trial imports and no score depends on"""


def imports(path: Path) -> set[str]:
    """Files of this package that a file of it imports."""
    names = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom) and node.module]
    modules = {name for node in names for name in (node.module, *(f"{node.module}.{part.name}" for part in node.names))}
    files = {module.replace(".", "/") + ".py" for module in modules if module.startswith("statewise.")}
    return {file.removeprefix("statewise/") for file in files if (ROOT / file.removeprefix("statewise/")).is_file()}


def test_all_code_that_a_trial_runs_through_is_hashed():
    found, waiting = set[str](), ["compare/trial.py"]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += imports(ROOT / file)
    hashed = {file for file in found for part in DECIDING if file == part or file.startswith(f"{part}/")}
    examples = {file for file in found if file.startswith(("compare/examples", "generation/"))}
    assert found - hashed - examples - PLUMBING == set()
    assert len(hashed) > 20
