"""What is answered at a read-out position, a class or numbers: loss and scores follow from it."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.metrics.scores import cross_entropy, hits
from statewise.tasks.batch import Batch
from statewise.tasks.objective import Objective
from statewise.tasks.scores import Scores
from statewise.tasks.standards import Standards


class Classification(Objective, Standards):
    """One of ``output_size`` classes is asked for: ``targets (B, Q)`` int64, outputs logits ``(B, Q, output_size)``.

    The loss is the cross-entropy; scores are ``loss`` in nats a position and ``accuracy``. Where accuracy decides, a
    readout in closed form is fitted to the classes as unit vectors, as is usual (Lukosevicius 2012, section 4.1); what
    it puts out are scores, the largest of which is right, and no logits.
    """

    @property
    def solvable(self) -> bool:
        return self.primary.name == "accuracy"

    def readout_targets(self, batch: Batch) -> Tensor:
        return F.one_hot(batch.targets.clamp(min=0), self.output_size).to(torch.get_default_dtype())

    def pool(self, samples: Tensor) -> Tensor:
        """The logarithm of the mean probability."""
        return samples.log_softmax(dim=-1).logsumexp(dim=0) - math.log(len(samples))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return (cross_entropy(outputs, batch.targets) * batch.weights).sum()

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        right = hits(outputs, batch.targets) * batch.weights
        sums = {"loss": float(self.loss(outputs, batch)), "accuracy": float(right.sum())}
        return Scores(sums, dict.fromkeys(sums, float(batch.weights.sum())))

    def blind(self, batch: Batch) -> Tensor | None:
        """Equal logits: the best blind answer where every class is equally likely."""
        return torch.zeros(*batch.targets.shape, self.output_size)


class Regression(Objective):
    """Numbers are asked for: ``targets (B, Q, output_size)`` real.

    Loss and score are the squared error, averaged over the numbers of a position: ``mse``.
    """

    horizon: int = 1
    """Steps ahead that an answer speaks of; errors of answers that are closer together share what came"""

    @property
    def solvable(self) -> bool:
        return True

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return ((outputs - batch.targets).square().mean(dim=2) * batch.weights).sum()

    def scores(self, outputs: Tensor, batch: Batch) -> Scores:
        return Scores({"mse": float(self.loss(outputs, batch))}, {"mse": float(batch.weights.sum())})


def one_hot_logits(classes: Tensor, number: int) -> Tensor:
    """Logits that are as good as certain of ``classes (B, Q)``."""
    return 100.0 * F.one_hot(classes, number).to(torch.get_default_dtype())
