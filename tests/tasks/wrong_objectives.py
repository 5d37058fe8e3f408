"""Tasks whose loss or scores are wrong."""

import torch

from statewise.tasks import Metric, Scores

from .echo import Echo, Faults


class MeanLoss(Echo):
    def loss(self, outputs, batch):
        return super().loss(outputs, batch) / batch.weights.sum()


class RowLosses(Echo):
    def loss(self, outputs, batch):
        return outputs.sum(dim=(1, 2))


class Detached(Echo):
    def loss(self, outputs, batch):
        return super().loss(outputs.detach(), batch)


class Weightless(Echo):
    def lay_out(self, contents, length, generator):
        batch = super().lay_out(contents, length, generator)
        weights = batch.weights.clone()
        weights[:, 0] = 0
        return batch._replace(weights=weights)

    def loss(self, outputs, batch):
        return super().loss(outputs, batch._replace(weights=torch.ones_like(batch.weights)))


class OtherPrimary(Echo):
    primary = Metric("acc", "fraction of steps", lower_is_better=False)


class Averaging(Echo):
    def scores(self, outputs, batch):
        found = super().scores(outputs, batch)
        return Scores(found.sums, dict.fromkeys(found.counts, float(len(batch.weights) ** 2)))


FAULTS: Faults = {
    "a mean for a sum": ("losses", MeanLoss, "single rows sum to"),
    "a loss a row": ("losses", RowLosses, "shape (16,)"),
    "a loss without gradient": ("losses", Detached, "no gradient"),
    "a loss deaf to weights": ("losses", Weightless, "weight 0"),
    "a primary score that is not there": ("scores", OtherPrimary, "'acc' is not among"),
    "scores that do not add up": ("scores", Averaging, "added up row by row"),
}  # fmt: skip
