"""Ridge regression from streamed statistics, in constant memory."""

import torch
from torch import Tensor


class RidgeStatistics:
    """Sums over all examples seen: X'X and X'Y with a constant feature for the bias, in float64.

    However the examples are cut into chunks, the sums are those of all of them.

    >>> statistics = RidgeStatistics(features=1, targets=1)
    >>> statistics.add(torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [3.0]]))
    >>> [round(float(part), 6) for part in statistics.solve(0.0)]
    [2.0, 1.0]
    """

    def __init__(self, *, features: int, targets: int) -> None:
        self.products = torch.zeros(features + 1, features + 1, dtype=torch.float64)
        self.moments = torch.zeros(features + 1, targets, dtype=torch.float64)
        self.examples = 0.0

    def add(self, features: Tensor, targets: Tensor, weights: Tensor | None = None) -> None:
        """Take in examples: features ``(n, F)``, targets ``(n, K)`` and weights ``(n,)``; ``None`` = all 1."""
        x = torch.cat([features.double(), features.new_ones(features.shape[0], 1).double()], dim=1)
        scaled = x if weights is None else x * weights.double().unsqueeze(1)
        self.products += scaled.T @ x
        self.moments += scaled.T @ targets.double()
        self.examples += float(features.shape[0] if weights is None else weights.sum())

    def solve(self, ridge: float) -> tuple[Tensor, Tensor]:
        """Weight ``(K, F)`` and bias ``(K,)`` minimising sum |Y - X w - b|^2 + ridge |w|^2; the bias is not penalised.

        Raises:
            ValueError: if nothing was added or the ridge is negative.
        """
        if self.examples == 0:
            raise ValueError("nothing to fit: no examples were added")
        if ridge < 0:
            raise ValueError(f"ridge must not be negative, got {ridge}")
        penalty = torch.full((self.products.shape[0],), float(ridge), dtype=torch.float64)
        penalty[-1] = 0.0
        solution = torch.linalg.lstsq(self.products + penalty.diag(), self.moments, driver="gelsd").solution
        return solution[:-1].T.contiguous(), solution[-1].contiguous()
