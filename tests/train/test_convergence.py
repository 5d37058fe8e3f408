"""A solver inside a model that does not converge is told of, in history and result, whatever layer it is in."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from statewise import probe
from statewise.cli.use import print_scores
from statewise.contract import Model, Residual, SequenceLayer, Vectors
from statewise.layers.recurrent.deep_equilibrium import DeepEquilibrium
from statewise.models.config import ModelConfig
from statewise.runs.config import RunConfig
from statewise.runs.training import score_run, train_run
from statewise.train.config import TrainConfig
from statewise.train.convergence import Convergence, convergence
from statewise.train.loop import Trainer

from .small import Rows, small_model


class Guessing(SequenceLayer):
    """Says of every second step of a sequence that it was left 3 from its solution, and of the others nought."""

    residuals = (Residual("error", 1.0, "guess better"),)

    def __init__(self) -> None:
        super().__init__(Vectors(3), 3)

    def initial_state(self, batch_size: int) -> Tensor:
        return self.zeros(batch_size, 1)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        probe.record(self, "error", 3 * (state[:, 0] % 2))
        return x, state + 1


def test_steps_beyond_the_tolerance_are_counted_and_the_layer_s_own_mend_is_told() -> None:
    task = Rows()
    model = Model(Guessing(), torch.nn.Linear(3, task.output_size), task.output_size)
    found = convergence(model, task, "valid", batch_size=4)
    time = next(task.evaluation("valid", batch_size=4)).shape[1]
    assert found == Convergence((time // 2) / time, 3.0, 4 * time, "guess better")
    assert str(found).startswith("the solver did not converge at ")
    assert str(found).endswith("largest residual 3; guess better")


def test_a_model_without_solvers_is_not_looked_at() -> None:
    assert convergence(small_model("gru"), Rows(), "valid", batch_size=4) is None


@pytest.mark.parametrize(("contraction", "solved"), [(0.3, True), (None, False)])
def test_history_says_at_how_many_steps_a_solver_failed(contraction: float | None, solved: bool) -> None:
    torch.manual_seed(0)
    model = small_model("deep-equilibrium")
    (cell,) = (part for part in model.modules() if isinstance(part, DeepEquilibrium))
    if not solved:
        torch.nn.init.normal_(cell.inner, std=3.0)
    cell.contraction = contraction
    (entry,) = Trainer(model, Rows(), TrainConfig(steps=1, batch_size=4)).run().history
    assert (entry.unsolved == 0) is solved
    assert (entry.largest_residual <= cell.tolerance) is solved


def test_a_run_says_it_once_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    free = ModelConfig("deep-equilibrium", {"contraction": None, "iterations": 2}, width=4, depth=1)
    task = {"longest": 6, "shortest": 2, "evaluation_sequences": 16}
    config = RunConfig("parity", free, TrainConfig(steps=2, batch_size=4), task)
    result = train_run(config, tmp_path, command="-")
    assert result["solver"]["unsolved"] > 0
    assert result["solver"]["mend"].startswith("take more iterations of deep-equilibrium, or a contraction such as 0.9")
    print_scores(result)
    said = capsys.readouterr().out
    assert said.count("the solver did not converge at") == 1
    assert score_run(tmp_path)["solver"] == result["solver"]
    plain = replace(config, model=ModelConfig("gru", width=4, depth=1))
    assert "solver" not in train_run(plain, tmp_path / "plain", command="-")
