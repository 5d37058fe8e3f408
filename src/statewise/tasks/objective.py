"""The objective of a task: what outputs are trained towards and scored by, and which score counts as what.

Letters: B rows, Q read-out positions.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from statewise.tasks.batch import Batch
from statewise.tasks.scores import Metric, Scores


class Objective(ABC):
    """Loss and scores of outputs, and the one score that decides, chosen before anything is run."""

    output_size: int
    """Numbers that a model says at each read-out position"""
    primary: ClassVar[Metric]
    """The score that decides; always among the names that ``scores`` returns."""
    solved_at: float | None = None
    """The primary score at which a run counts as having solved the task."""
    bimodal: bool = False
    """Whether runs either solve the task or do not, so that the fraction solved says more than the mean."""
    margin: float = 0.0
    """The smallest difference that counts, in units of the primary score, or, of a bimodal task, of the fraction of
    seeds that solve it; a comparison may say another"""

    @abstractmethod
    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The summed training loss of ``outputs (B, Q, output_size)``; the trainer divides it by ``weights.sum()``."""

    @abstractmethod
    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        """Every metric of the task on one batch, the primary one among them."""

    def pool(self, samples: Tensor) -> Tensor:
        """One output ``(B, Q, output_size)`` from those of S thinned models ``(S, B, Q, output_size)``: their mean."""
        return samples.mean(dim=0)

    @property
    def solvable(self) -> bool:
        """Whether a readout fitted to ``readout_targets`` by squared error, which a closed form does, scores well."""
        return False

    def readout_targets(self, batch: Batch) -> Tensor:
        """Real numbers ``(B, Q, output_size)`` that a readout in closed form is fitted to."""
        return batch.targets

    def is_solved(self, score: float) -> bool:
        """Whether a run with this primary score counts as having solved the task; none does where nobody can tell."""
        return self.solved_at is not None and self.primary.as_loss(score) <= self.primary.as_loss(self.solved_at)
