"""Readouts solved in closed form: everything but the head stays as initialised."""

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from statewise.contract import Segments
from statewise.errors import UserError
from statewise.ops.ridge import RidgeStatistics
from statewise.tasks.batch import Batch
from statewise.train.checkpoint import load_checkpoint, load_weights, save_checkpoint
from statewise.train.curriculum import training_batches
from statewise.train.divergence import is_finite
from statewise.train.evaluation import evaluate_heads
from statewise.train.forward import run_body, to_device
from statewise.train.history import OnEntry, OnStep, Outcome
from statewise.train.snapshot import MODEL, among, check_kind, pack_carry, read_progress, under, unpack_carry
from statewise.train.training import Training

FACTORS = (1.0, 1e2, 1e4, 1e6)
"""Multiples of the configured penalty that are tried on validation"""
RIDGE = "ridge"
"""What stands in a checkpoint where else the optimiser's name does"""
SUMS = "sums."


class ReadoutFitter(Training):
    """Solves the head by ridge regression over ``config.steps`` training batches, in one pass and constant memory.

    Where fewer batches go over all the data once, it is these: the same data again would change nothing, unless what is
    washed out differs from pass to pass. Several penalties are solved from the same statistics; the one that validates
    best stays in the model. Jaeger 2001, section 3; the washout, the first steps of every sequence, is not fitted.

    Raises:
        UserError: if squared error is no way to score well on the task, or the head is no linear map.
    """

    def _prepare(self) -> None:
        head = self.model.head
        if not self.task.solvable or not isinstance(head, nn.Linear):
            raise UserError(f"task {self.task.name} has no closed-form readout; say readout=gradient")
        longest = self.trained_on.longest_context() if self.trained_on.train_lengths else None
        if longest is not None and self.config.washout >= longest:
            raise UserError(
                f"a washout of {self.config.washout} leaves nothing to fit of sequences of at most {longest} steps; "
                "take a shorter washout"
            )
        self.statistics = RidgeStatistics(features=head.in_features, targets=self.task.output_size)
        self.age = torch.zeros(0, dtype=torch.int64)
        """(B,) time steps since each row's sequence began"""

    @property
    def batches(self) -> int:
        once = self.trained_on.train_batches(batch_size=self.config.batch_size)
        return self.config.steps if once is None or self.config.washout else min(self.config.steps, once)

    def _run(self, on_entry: OnEntry, on_step: OnStep, should_stop: Callable[[], bool]) -> Outcome:
        """As ``Training.run``. There is no history: nothing is learnt before the end."""
        self.model.eval()
        while self.progress.step < self.batches:
            if should_stop():
                self._save()
                return Outcome("interrupted", self.progress)
            with self.clock.running():
                for batch in training_batches(self.trained_on, self.progress.step, self.progress.step, self.config):
                    self._take_in(batch)
            self.progress.step += 1
            on_step(self.progress.step, float("nan"))
            if self.progress.step % self.config.checkpoint_every == 0:
                self._save()
        self._choose()
        return Outcome("finished", self.progress)

    def _take_in(self, batch: Batch) -> None:
        with torch.no_grad():
            features, after = run_body(self.model, to_device(batch, self.model.device), self.carry)
        counted = self._counted(batch)
        self.statistics.add(features.cpu()[counted], self.task.readout_targets(batch)[counted])
        self.carry = after if batch.starts is not None else None
        self.progress.tokens += math.prod(batch.shape)

    def _counted(self, batch: Batch) -> Tensor:
        """``(B, Q)`` bool: the positions that are asked for and lie behind the washout of their sequence."""
        rows, steps = batch.shape
        age = torch.zeros(rows, dtype=torch.int64)
        if batch.starts is not None and self.carry is not None:
            age = torch.where(batch.starts, age, self.age)
        ages, self.age = _ages(age, batch.resets, steps)
        if batch.positions is not None:
            ages = ages.gather(1, batch.positions)
        return (batch.weights > 0) & (ages >= self.config.washout)

    def _choose(self) -> None:
        """Put the penalty that validates best into the head."""
        if self.statistics.examples == 0:
            raise UserError(
                f"there is nothing to fit the readout to: {self.batches} batches with a washout of "
                f"{self.config.washout}; take a shorter washout, more steps or a smaller batch_size"
            )
        heads = [self._solved(self.config.ridge * factor) for factor in FACTORS]
        found = evaluate_heads(self.model, heads, self.task, "valid", batch_size=self.config.batch_size)
        primary = self.task.primary
        scores = [metrics[primary.name] for metrics in found]
        best = min(range(len(heads)), key=lambda place: (not is_finite(scores[place]), primary.as_loss(scores[place])))
        self.model.head.load_state_dict(heads[best].state_dict())
        self.progress.best_valid, self.progress.best_step = scores[best], self.progress.step

    def _solved(self, ridge: float) -> nn.Module:
        """A head like the model's with the weights that this penalty gives."""
        head = deepcopy(self.model.head)
        head.load_state_dict(dict(zip(("weight", "bias"), self.statistics.solve(ridge), strict=True)))
        return head

    def _save(self) -> None:
        if self.folder is None:
            return
        sums = {"products": self.statistics.products, "moments": self.statistics.moments, "age": self.age}
        tensors = under(MODEL, self.model.state_dict()) | under(SUMS, sums) | pack_carry(self.carry)
        facts = {
            "optimizer": RIDGE,
            "examples": self.statistics.examples,
            "progress": asdict(self.progress),
            "carried": self.carry is not None,
        }
        save_checkpoint(self.folder / "last", tensors, facts)

    def _resume(self, folder: Path) -> None:
        source = folder / "last"
        tensors, facts = load_checkpoint(source)
        check_kind(facts, "optimizer", RIDGE, str(source))
        self.progress = read_progress(facts, str(source))
        load_weights(self.model, among(tensors, MODEL), source=str(source))
        if facts["carried"]:
            self.carry = unpack_carry(tensors, self.model, str(source))
        sums = among(tensors, SUMS)
        self.age = sums["age"]
        self.statistics.products, self.statistics.moments = sums["products"], sums["moments"]
        self.statistics.examples = facts["examples"]


def _ages(before: Tensor, resets: Tensor | None, steps: int) -> tuple[Tensor, Tensor]:
    """``(B, T)`` and ``(B,)``: how long ago each step's sequence began, and that after the last; ``before`` at first.

    >>> ages, after = _ages(torch.tensor([4]), torch.tensor([[False, False, True, False]]), 4)
    >>> ages.tolist(), after.tolist()
    ([[4, 5, 0, 1]], [2])
    """
    if resets is None:
        return before.unsqueeze(1) + torch.arange(steps), before + steps
    before = before.masked_fill(resets[:, 0], 0)
    segments = Segments(resets)
    return torch.arange(steps) - segments.begun(before), segments.counted(before)
