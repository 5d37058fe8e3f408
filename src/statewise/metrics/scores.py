"""How good predictions are, position by position: tensors in, tensors out, differentiable where the score is.

A position's score does not depend on other positions, so that tasks weigh, sum and average as their batches ask.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def _fit(logits: Tensor, target: Tensor) -> None:
    if logits.shape[:-1] != target.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)} need targets {tuple(logits.shape[:-1])}, not {tuple(target.shape)}"
        )


def _alike(prediction: Tensor, target: Tensor) -> None:
    if prediction.shape != target.shape:
        raise ValueError(f"predictions {tuple(prediction.shape)} and targets {tuple(target.shape)} differ in shape")


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """``-log softmax(logits)[target]`` in nats.

    Args:
        logits: (..., V).
        target: (...), class numbers 0..V-1.

    Returns:
        (...).

    >>> cross_entropy(torch.zeros(1, 2, 8), torch.zeros(1, 2, dtype=torch.long))  # ln 8
    tensor([[2.0794, 2.0794]])
    """
    _fit(logits, target)
    return F.cross_entropy(logits.flatten(0, -2), target.flatten(), reduction="none").view(target.shape)


def hits(logits: Tensor, target: Tensor) -> Tensor:
    """Whether the largest logit is the target's; their mean is the accuracy.

    Args:
        logits: (..., V).
        target: (...), class numbers 0..V-1.

    Returns:
        (...) bool.

    >>> hits(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
    tensor([ True, False])
    """
    _fit(logits, target)
    return logits.argmax(dim=-1) == target


def bits_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Cost of independent bits, ``-sum_d ln P(target_d)`` with P the sigmoid of the logit, in nats.

    Summed over a sequence and divided by ln 2 it is what Graves, Wayne and Danihelka 2014 plot for Neural Turing
    Machines: 10 steps of 8 bits, guessed blindly, cost 80 bits.

    Args:
        logits: (..., D).
        target: (..., D), 0 or 1.

    Returns:
        (...).

    >>> bits_cross_entropy(torch.zeros(1, 8), torch.ones(1, 8))  # 8 ln 2
    tensor([5.5452])
    """
    _alike(logits, target)
    return F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none").sum(dim=-1)


def bits_hit(logits: Tensor, target: Tensor) -> Tensor:
    """How many of D bits are right, a positive logit meaning 1.

    Args:
        logits: (..., D).
        target: (..., D), 0 or 1.

    Returns:
        (...) int64.

    >>> bits_hit(torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([1])
    """
    _alike(logits, target)
    return ((logits > 0) == (target > 0.5)).sum(dim=-1)


def seasonal_naive_error(series: Tensor, period: int = 1) -> Tensor:
    """Mean absolute error of repeating the value of one period ago: ``mean_t |y_t - y_(t-m)|``, m the period.

    The unit of the mean absolute scaled error (Hyndman and Koehler 2006): ``mase = mean |y - p| / this``, this on the
    training series; below 1 is better than the seasonal naive forecast was one step ahead in training.

    Args:
        series: (T,) or (T, D).
        period: steps in a season; 1 repeats the last value.

    Returns:
        () or (D,), in units of the series.

    Raises:
        ValueError: the series is not longer than a period.

    >>> seasonal_naive_error(torch.tensor([0.0, 5.0, 1.0, 6.0]), period=2)
    tensor(1.)
    """
    if not 1 <= period < len(series):
        raise ValueError(f"the period must be at least 1 and less than the series' {len(series)} steps, got {period}")
    return (series[period:] - series[:-period]).abs().mean(dim=0)


def squared_correlations(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared Pearson correlation of each column: ``cov(p_k, y_k)^2 / (var p_k var y_k)``; 0 where one is constant.

    Args:
        prediction: (T, K).
        target: (T, K).

    Returns:
        (K,), each between 0 and 1.

    >>> squared_correlations(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[-2.0], [-4.0], [-6.0]]))
    tensor([1.])
    """
    _alike(prediction, target)
    p, y = prediction - prediction.mean(dim=0), target - target.mean(dim=0)
    spread = p.square().sum(dim=0) * y.square().sum(dim=0)
    shared = (p * y).sum(dim=0).square()
    return torch.where(spread > 0, shared / spread.where(spread > 0, 1), torch.zeros_like(shared))


def memory_capacity(prediction: Tensor, target: Tensor) -> Tensor:
    """How much of its past input a state still knows: ``MC = sum_k corr^2(p_k, u(t - k))``, Jaeger 2001.

    Column k of ``prediction`` reconstructs the input of k steps ago from the state. For independent inputs, MC is at
    most the number of state units (up to the sampling noise of a finite series).

    Args:
        prediction: (T, K), reconstructions at K lags.
        target: (T, K), the inputs that they should be.

    >>> u = torch.tensor([[1.0, 2.0], [3.0, 1.0], [2.0, 5.0]])
    >>> memory_capacity(u, u)
    tensor(2.)
    """
    return squared_correlations(prediction, target).sum()
