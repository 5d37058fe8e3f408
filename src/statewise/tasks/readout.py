"""Losses and scores that several tasks share: sums over read-out positions, weighted."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.tasks.base import Batch, Scores


def cross_entropy_sum(outputs: Tensor, batch: Batch) -> Tensor:
    """Sum over positions of -ln p(target), in nats; ``outputs (B, Q, K)`` are logits, ``targets (B, Q)`` classes."""
    nats = F.cross_entropy(outputs.flatten(0, 1), batch.targets.flatten(), reduction="none")
    return (nats * batch.weights.flatten()).sum()


def classification_scores(outputs: Tensor, batch: Batch) -> Scores:
    """``loss`` in nats a position and ``accuracy``."""
    positions = float(batch.weights.sum())
    right = ((outputs.argmax(dim=2) == batch.targets) * batch.weights).sum()
    sums = {"loss": float(cross_entropy_sum(outputs, batch)), "accuracy": float(right)}
    return Scores(sums, dict.fromkeys(sums, positions))


def bits_sum(outputs: Tensor, batch: Batch) -> Tensor:
    """Sum over positions and bits of the binary cross-entropy, in nats; ``targets (B, Q, K)`` are 0 or 1."""
    nats = F.binary_cross_entropy_with_logits(outputs, batch.targets, reduction="none").sum(dim=2)
    return (nats * batch.weights).sum()


def bits_scores(outputs: Tensor, batch: Batch) -> Scores:
    """``loss`` in nats a position, ``accuracy`` of single bits, ``bits_per_sequence`` as the NTM paper counts."""
    positions = float(batch.weights.sum())
    wide = batch.weights.unsqueeze(2)
    right = (((outputs > 0) == (batch.targets > 0.5)) * wide).sum()
    nats = float(bits_sum(outputs, batch))
    sums = {"loss": nats, "accuracy": float(right), "bits_per_sequence": nats / math.log(2)}
    counts = {
        "loss": positions,
        "accuracy": positions * batch.targets.shape[2],
        "bits_per_sequence": float(batch.targets.shape[0]),
    }
    return Scores(sums, counts)


def squared_error_sum(outputs: Tensor, batch: Batch) -> Tensor:
    """Sum over positions and outputs of the squared error."""
    return ((outputs - batch.targets).square().sum(dim=2) * batch.weights).sum()


def one_hot_logits(classes: Tensor, number: int) -> Tensor:
    """Logits that are as good as certain of ``classes (B, Q)``."""
    return 100.0 * F.one_hot(classes, number).to(torch.get_default_dtype())


def as_words(values: Tensor) -> str:
    """A short row of numbers for a person to read."""
    shown = " ".join(f"{value:g}" for value in values.flatten().tolist()[:40])
    return shown + (" ..." if values.numel() > 40 else "")
