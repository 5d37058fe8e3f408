"""A trial's address: everything that decides its scores, the code of one's own layer and task included."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from statewise.compare.arms import make_arms
from statewise.compare.config import CompareConfig
from statewise.compare.experiment import Event
from statewise.compare.run import complete_comparison, run_comparison
from statewise.compare.source import ROOT, source_hash, trial_files
from statewise.tasks.recalling import Recall
from statewise.train.config import TrainConfig
from statewise.workbench import WORKBENCH

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
    result = run_comparison(config, WORKBENCH, folder, command="none", on_event=events.append)
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


HELPED = {
    "helped.py": """
import parts.scales
from statewise.layers.recurrent.gru import GRU
if True:
    from beside import FACTOR


class Helped(GRU):
    pass
""",
    "beside.py": "import math\nFACTOR = 1",
    "parts/__init__.py": "from parts import later",
    "parts/scales.py": "from . import tables\nfrom .deep.end import LAST",
    "parts/tables.py": "TABLE = 1",
    "parts/later.py": "def load():\n    import lazily",
    "parts/deep/end.py": "LAST = 1",
    "parts/unused.py": "UNUSED = 1",
    "lazily.py": "from site_made import made",
    "alone.py": "ALONE = 1",
    "site-packages/site_made.py": "made = 1",
}


def test_what_ones_own_module_imports_of_ones_own_is_hashed_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name, text in HELPED.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    monkeypatch.syspath_prepend(str(tmp_path))
    before, moved = source_hash(["helped:Helped"]), set()
    for name, text in HELPED.items():
        (tmp_path / name).write_text(text + "\n# edited")
        if source_hash(["helped:Helped"]) != before:
            moved.add(name)
        (tmp_path / name).write_text(text)
    assert source_hash(["helped:Helped"]) == before
    assert moved == HELPED.keys() - {"parts/unused.py", "alone.py", "site-packages/site_made.py"}


def test_a_file_that_does_not_parse_is_hashed_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "guarded.py").write_text("try:\n    import wrong_syntax\nexcept SyntaxError:\n    pass")
    (tmp_path / "wrong_syntax.py").write_text("def :")
    before = source_hash(["guarded:Anything"])
    (tmp_path / "wrong_syntax.py").write_text("def : # edited")
    assert source_hash(["guarded:Anything"]) != before


def test_an_arm_rests_on_the_code_of_the_layer_inside_it_however_deep(own):
    def source(**options: float) -> str:
        inside = {"layer": "ntm", "options": {"controller": own(**options)}}
        config = CompareConfig(models=("ntm",), fixed={"layer.controller": inside})
        return make_arms(config, Recall(), WORKBENCH)[0].source

    assert source() == source() != source(scale=0.5)


def test_a_config_says_every_option_of_its_task():
    config, _ = complete_comparison(CompareConfig(task="recall", task_options={"pairs": 3}), WORKBENCH)
    assert config.task_options["pairs"] == 3
    assert {"symbols", "shortest", "longest", "power", "evaluation_sequences"} <= set(config.task_options)


WALK = """
import sys
from statewise.compare.trial import TrialSpec, run_trial
from statewise.train.config import TrainConfig
from statewise.workbench import WORKBENCH

options = {"delay": 2, "shortest": 6, "longest": 6, "evaluation_sequences": 4}
for layer in ("ntm", "attention"):
    model = WORKBENCH.default_config(layer, depth=1, context_length=6, options={})
    train = TrainConfig(steps=1, batch_size=2)
    spec = TrialSpec("delayed-recall", options, options, "", "", model, train, lengths=(6,), test=True)
    assert run_trial(spec, WORKBENCH)["status"] == "ok"
for name, module in sorted(sys.modules.items()):
    if name.split(".")[0] == "statewise":
        print(module.__file__)
"""


def test_every_module_that_a_trial_loads_is_hashed():
    done = subprocess.run([sys.executable, "-c", WALK], capture_output=True, text=True, check=True)
    loaded = {Path(line) for line in done.stdout.splitlines()}
    assert len(loaded) > 60
    assert loaded - set(trial_files()) == set()


def test_what_no_trial_runs_through_leaves_its_scores_alone():
    hashed = {path.relative_to(ROOT).as_posix() for path in trial_files()}
    assert {"metrics/scores.py", "generation/generate.py", "combine/stack.py", "ops/forms.py", "errors.py"} <= hashed
    rooms = {name.partition("/")[0] for name in hashed}
    assert not rooms & {"api", "cli", "fields.py", "laws", "report", "runs"}
    assert not hashed & {"metrics/pairs.py", "compare/verdict.py", "compare/summary.py", "compare/source.py"}


def test_the_companions_of_a_task_are_arms_that_take_no_part_in_the_decision():
    class Accompanied(Recall):
        companions = ("window-mlp",)

    config = CompareConfig(models=("gru",), budget=2000, depth=1)
    both = make_arms(config, Accompanied(), WORKBENCH)
    assert [(arm.name, arm.companion) for arm in both] == [("gru", False), ("window-mlp", True)]
    assert [arm.name for arm in make_arms(replace(config, companions=False), Accompanied(), WORKBENCH)] == ["gru"]
    named = make_arms(replace(config, models=("window-mlp",)), Accompanied(), WORKBENCH)
    assert [(arm.name, arm.companion) for arm in named] == [("window-mlp", False)]
