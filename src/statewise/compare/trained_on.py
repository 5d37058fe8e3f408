"""A task that is trained on with other options than it is scored with, so that all arms are scored on the same."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from statewise.errors import UserError
from statewise.tasks.base import Batch, Scores, Split, Task


class TrainedOn(Task):
    """Training batches of one task, everything else of another of the same form.

    Args:
        trained: gives the training batches.
        scored: gives losses, scores and both splits that are evaluated.

    Raises:
        UserError: if inputs, outputs or preprocessing differ, as scores would then not be comparable.
    """

    def __init__(self, trained: Task, scored: Task) -> None:
        for what in ("input_form", "output_size", "preprocessing"):
            one, other = (getattr(task, what) for task in (trained, scored))
            if (one() != other()) if callable(one) else (one != other):
                raise UserError(
                    f"arms of task {scored.name} would differ in {what.replace('_', ' ')}, so their scores cannot be "
                    "compared; make a comparison of its own for each value"
                )
        self.trained = trained
        self.scored = scored
        self.input_form = scored.input_form
        self.output_size = scored.output_size
        self.train_lengths = scored.train_lengths
        self.bimodal = scored.bimodal
        self.solved_at = scored.solved_at
        for name in ("name", "description", "primary", "regression", "verb"):
            setattr(self, name, getattr(scored, name))

    def train_batch(self, index: int, *, batch_size: int, seed: int) -> Batch:
        return self.trained.train_batch(index, batch_size=batch_size, seed=seed)

    def evaluation(self, split: Split, *, batch_size: int, length: int | None = None) -> Iterator[Batch]:
        return self.scored.evaluation(split, batch_size=batch_size, length=length)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return self.scored.loss(outputs, batch)

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        return self.scored.scores(outputs, batch)

    def example(self, outputs: Tensor, batch: Batch) -> tuple[str, str, str] | None:
        return self.scored.example(outputs, batch)

    def preprocessing(self) -> Mapping[str, Any]:
        return self.scored.preprocessing()

    def longest_context(self) -> int | None:
        found = (self.trained.longest_context(), self.scored.longest_context())
        return None if None in found else max(length for length in found if length is not None)

    def fingerprint(self) -> str:
        return f"{self.trained.fingerprint()} {self.scored.fingerprint()}"
