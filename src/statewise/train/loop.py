"""The training loop: small named steps, carried state, exact resume.

Every update depends on the checkpointed tensors, the config and its own number alone: batches are a function of the
update's number, and torch's generator is seeded anew for each update. That is what makes a resumed run end with the
same weights as one that was never killed.
"""

import math
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from statewise import tree
from statewise.contract import Model
from statewise.tasks.batch import Batch
from statewise.train.checkpoint import load_checkpoint, save_checkpoint
from statewise.train.convergence import convergence
from statewise.train.curriculum import training_batches
from statewise.train.divergence import advice, is_finite, why_diverged
from statewise.train.evaluation import evaluate
from statewise.train.forward import full_precision, run_batch, to_device
from statewise.train.history import HistoryEntry, OnEntry, OnStep, Outcome, Status, read_history, write_history
from statewise.train.optimization import (
    clip_gradients,
    decayed_parameters,
    learning_rate_at,
    make_optimizer,
    set_learning_rate,
)
from statewise.train.penalty import add_penalty_gradient
from statewise.train.pretraining import Pretraining
from statewise.train.snapshot import restore_snapshot, take_snapshot
from statewise.train.training import Training


class Trainer(Training):
    """Training by gradient descent; the model is left with the best weights on validation."""

    def _prepare(self) -> None:
        self.parameters: list[Tensor] = [p for p in self.model.parameters() if p.requires_grad]
        self.pretraining = Pretraining(self.model, self.config)
        self.penalised = decayed_parameters(self.model)
        self.optimizer = make_optimizer(self.model, self.config)
        self.best: dict[str, Tensor] = {}
        self.seconds = 0.0
        self.saved_at: int | None = None

    def _run(self, on_entry: OnEntry, on_step: OnStep, should_stop: Callable[[], bool]) -> Outcome:
        """As ``Training.run``; it also ends where training has diverged or validation stopped improving.

        That is where it has not improved for ``config.patience`` evaluations. Whether it ends is a function of what a
        checkpoint keeps, so that a resumed run ends alike.
        """
        self.model.train()
        while (ending := self._ending()) is None:
            if should_stop():
                return self._end("interrupted")
            on_step(self.progress.step + 1, self.update())
            if self._is_due(self.config.evaluate_every):
                on_entry(self._evaluate())
            if self._is_due(self.config.checkpoint_every):
                self._save()
        if ending == "finished" and not self.history:
            on_entry(self._evaluate())
        return self._end(ending)

    def _ending(self) -> Status | None:
        """How the training is over, or ``None`` where it goes on."""
        progress = self.progress
        if why_diverged(progress):
            return "diverged"
        if 0 < self.config.patience <= progress.evaluations_since_best:
            return "stopped early"
        return "finished" if progress.step >= self.config.steps else None

    def _is_due(self, every: int) -> bool:
        return self.progress.step % every == 0 or self.progress.step == self.config.steps

    def update(self) -> float:
        """One parameter update; returns the mean loss of a position."""
        with self.clock.running():
            loss = self._one_update()
        self.seconds += self.clock.times[-1]
        return loss

    def _one_update(self) -> float:
        """One parameter update over ``accumulate`` batches; returns the mean loss of a position."""
        progress, config = self.progress, self.config
        torch.manual_seed(config.seed * 1_000_003 + progress.step)
        set_learning_rate(self.optimizer, learning_rate_at(progress.step, config, progress.plateau_drops))
        model, batches = self.pretraining.begin(progress.step), self._batches()
        positions = max(1.0, sum(float(batch.weights.sum()) for batch in batches))
        loss = sum(self._backward(model, batch, positions) for batch in batches)
        add_penalty_gradient(self.penalised, l1=config.l1, l2=config.l2)
        norm = clip_gradients(self.parameters, config)
        if is_finite(loss) and is_finite(norm):
            self.optimizer.step()
            progress.skipped_in_a_row = 0
            progress.first_loss = loss if progress.first_loss is None else progress.first_loss
            progress.loss_sum += loss
            progress.loss_count += 1
            progress.largest_norm = max(progress.largest_norm, norm)
        else:
            progress.skipped += 1
            progress.skipped_in_a_row += 1
            self.carry = None
        self.optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        progress.tokens += sum(math.prod(batch.shape) for batch in batches)
        return loss

    def _batches(self) -> list[Batch]:
        """What this update goes forward over, one after the other."""
        step, parts = self.progress.step, self.config.accumulate
        indices = range(step * parts, (step + 1) * parts)
        found = (training_batches(self.trained_on, index, step, self.config) for index in indices)
        return [to_device(batch, self.model.device) for batch in chain.from_iterable(found)]

    def _backward(self, model: Model, batch: Batch, positions: float) -> float:
        bfloat16 = self.config.precision == "bfloat16"
        with torch.autocast(self.model.device.type, dtype=torch.bfloat16, enabled=bfloat16):
            outputs, after = run_batch(model, batch, self.carry, checkpoint_time=self.config.checkpoint_time)
        loss = self.task.loss(full_precision(outputs), batch) / positions
        loss.backward()
        self.carry = tree.detach(after) if batch.starts is not None else None
        return float(loss.detach())

    def _evaluate(self) -> HistoryEntry:
        began = time.perf_counter()
        model = self.pretraining.model_at(max(0, self.progress.step - 1))
        metrics = evaluate(model, self.task, "valid", batch_size=self.config.batch_size)
        solved = convergence(model, self.task, "valid", batch_size=self.config.batch_size)
        self.seconds += time.perf_counter() - began
        valid = metrics[self.task.primary.name]
        if model is self.model:
            self._note_best(valid)
        progress = self.progress
        train_loss = progress.loss_sum / progress.loss_count if progress.loss_count else None
        progress.recent_loss = progress.recent_loss if train_loss is None else train_loss
        entry = HistoryEntry(
            step=progress.step,
            tokens=progress.tokens,
            train_loss=train_loss,
            valid=valid,
            metrics=metrics,
            learning_rate=learning_rate_at(progress.step, self.config, progress.plateau_drops),
            gradient_norm=progress.largest_norm,
            skipped=progress.skipped,
            seconds=self.seconds,
            unsolved=solved.unsolved if solved else 0.0,
            largest_residual=solved.largest_residual if solved else 0.0,
        )
        progress.loss_sum, progress.loss_count, progress.largest_norm, self.seconds = 0.0, 0, 0.0, 0.0
        self.history.append(entry)
        return entry

    def _note_best(self, valid: float) -> None:
        progress = self.progress
        if self.task.is_solved(valid) and progress.solved_step is None:
            progress.solved_step = progress.step
        as_loss = self.task.primary.as_loss
        if is_finite(valid) and (progress.best_valid is None or as_loss(valid) < as_loss(progress.best_valid)):
            progress.best_valid, progress.best_step = valid, progress.step
            progress.evaluations_since_best = progress.plateau_waits = 0
            self.best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
            return
        progress.evaluations_since_best += 1
        progress.plateau_waits += 1
        if progress.plateau_waits > self.config.plateau_patience:
            progress.plateau_drops += 1
            progress.plateau_waits = 0

    def _save(self) -> None:
        """Keep a checkpoint; the history first, so that it never lacks what lies before the checkpoint."""
        if self.folder is None or self.saved_at == self.progress.step:
            return
        write_history(self.folder / "history.jsonl", self.history)
        tensors, facts = take_snapshot(self.model, self.optimizer, self.carry, self.best, self.progress)
        save_checkpoint(self.folder / "last", tensors, facts)
        self.saved_at = self.progress.step

    def _resume(self, folder: Path) -> None:
        tensors, facts = load_checkpoint(folder / "last")
        self.carry, self.best, self.progress = restore_snapshot(
            self.model, self.optimizer, tensors, facts, source=str(folder / "last")
        )
        kept = read_history(folder / "history.jsonl")
        self.history = [entry for entry in kept if entry.step <= self.progress.step]
        self.saved_at = self.progress.step

    def _end(self, status: Status) -> Outcome:
        self._save()
        self.pretraining.end()
        if status == "interrupted":
            return Outcome(status, self.progress, self.history)
        why = why_diverged(self.progress) or (None if self.best else "validation was not finite at any evaluation")
        if self.best:
            self.model.load_state_dict(self.best)
        if why is None:
            return Outcome(status, self.progress, self.history)
        return Outcome("diverged", self.progress, self.history, advice(why, self.progress, self.config))
