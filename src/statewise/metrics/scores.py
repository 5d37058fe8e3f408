"""How good predictions are: tensors in, a 0-dimensional tensor out, differentiable where the score is.

``mask`` is boolean and says which positions count; its shape is the beginning of the targets' shape ((B, T) for
(B, T, D)). What it leaves out never touches the score or a gradient, not even as NaN. A score of no positions is NaN.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def _counted(prediction: Tensor, target: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Predictions and targets of equal shape, at the positions that count."""
    if prediction.shape != target.shape:
        raise ValueError(f"predictions {tuple(prediction.shape)} and targets {tuple(target.shape)} differ in shape")
    if mask is None:
        return prediction, target
    return prediction[mask], target[mask]


def _counted_logits(logits: Tensor, target: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Logits (n, V) and class numbers (n,) at the positions that count."""
    if logits.shape[:-1] != target.shape:
        raise ValueError(
            f"logits {tuple(logits.shape)} need targets {tuple(logits.shape[:-1])}, not {tuple(target.shape)}"
        )
    if mask is not None:
        logits, target = logits[mask], target[mask]
    return logits.reshape(-1, logits.shape[-1]), target.reshape(-1)


def cross_entropy(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean of ``-log softmax(logits)[target]`` in nats.

    Args:
        logits: (..., V).
        target: (...), class numbers 0..V-1.
        mask: (...), True where a target counts.

    >>> cross_entropy(torch.zeros(2, 3, 8), torch.zeros(2, 3, dtype=torch.long))  # ln 8
    tensor(2.0794)
    """
    logits, target = _counted_logits(logits, target, mask)
    return F.cross_entropy(logits, target)


def accuracy(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Fraction of positions whose largest logit is the target's.

    Args:
        logits: (..., V).
        target: (...), class numbers 0..V-1.
        mask: (...), True where a target counts.

    >>> accuracy(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1]))
    tensor(0.5000)
    """
    logits, target = _counted_logits(logits, target, mask)
    return (logits.argmax(dim=-1) == target).float().mean()


def bits_per_sequence(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Cost of a whole sequence of independent bits: ``-1/B sum_b,t,d log2 P(target_btd)``, P the sigmoid of the logit.

    The cost that Graves, Wayne and Danihelka 2014 plot for Neural Turing Machines: 10 steps of 8 bits, guessed blindly,
    cost 80.

    Args:
        logits: (B, T, D).
        target: (B, T, D), 0 or 1.
        mask: (B, T), True where a step counts.

    >>> round(bits_per_sequence(torch.zeros(4, 10, 8), torch.ones(4, 10, 8)).item(), 3)
    80.0
    """
    sequences = len(target)
    logits, target = _counted(logits, target, mask)
    nats = F.binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="sum")
    return nats / (sequences * math.log(2))


def bit_error_rate(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Fraction of wrong bits, a positive logit meaning 1.

    Args:
        logits: (B, T, D).
        target: (B, T, D), 0 or 1.
        mask: (B, T), True where a step counts.

    >>> bit_error_rate(torch.tensor([[[2.0, -1.0]]]), torch.tensor([[[1.0, 1.0]]]))
    tensor(0.5000)
    """
    logits, target = _counted(logits, target, mask)
    return ((logits > 0) != (target > 0.5)).float().mean()


def mse(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean squared error, ``mean (y - p)^2``, in squared units of the target.

    >>> mse(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    prediction, target = _counted(prediction, target, mask)
    return (prediction - target).square().mean()


def rmse(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Root of the mean squared error, in units of the target.

    >>> rmse(torch.tensor([0.0, 0.0]), torch.tensor([3.0, 3.0]))
    tensor(3.)
    """
    return mse(prediction, target, mask).sqrt()


def mae(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Mean absolute error, ``mean |y - p|``, in units of the target.

    >>> mae(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.)
    """
    prediction, target = _counted(prediction, target, mask)
    return (prediction - target).abs().mean()


def nrmse(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Root mean squared error divided by the standard deviation of the targets: ``rmse / sqrt(mean (y - mean y)^2)``.

    1 is what predicting the mean scores. This is the reservoir literature's NRMSE (Jaeger and Haas 2004), the root of
    its NMSE; dividing by the range, the mean or the variance gives other figures under the same name. All positions
    are one population: call it per column where columns differ in scale. Constant targets give ``inf`` (or NaN when
    they are hit exactly).

    >>> y = torch.tensor([0.0, 2.0])
    >>> nrmse(torch.tensor([1.0, 1.0]), y)
    tensor(1.)
    """
    prediction, target = _counted(prediction, target, mask)
    return rmse(prediction, target) / target.std(correction=0)


def r2(prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Explained share of the variance, ``1 - sum (y - p)^2 / sum (y - mean y)^2 = 1 - nrmse^2``, at most 1.

    0 is what predicting the mean of the targets scores. Constant targets give ``-inf`` or NaN.

    >>> r2(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 2.0]))
    tensor(1.)
    """
    return 1 - nrmse(prediction, target, mask).square()


def seasonal_naive_error(series: Tensor, period: int = 1) -> Tensor:
    """Mean absolute error of repeating the value of one period ago: ``mean_t |y_t - y_(t-m)|``, m the period.

    Args:
        series: (T,) or (T, D); NaN marks a gap and is passed over.
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
    return (series[period:] - series[:-period]).abs().nanmean(dim=0)


def mase(prediction: Tensor, target: Tensor, train: Tensor, period: int = 1, mask: Tensor | None = None) -> Tensor:
    """Mean absolute scaled error: absolute errors in units of the naive forecast's error on the training series.

    ``mean |y - p| / mean_t |train_t - train_(t-m)|``, Hyndman and Koehler 2006; m the seasonal period.
    Below 1 is better than the one-step (seasonal) naive forecast was in training, whatever the units.

    Args:
        prediction: (..., D), or any shape when ``train`` is one series.
        target: as ``prediction``.
        train: (T,) or (T, D), the series that the model was trained on, in the same units.
        period: steps in a season.
        mask: True where a forecast counts, the beginning of the targets' shape without D.

    >>> mase(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), train=torch.tensor([0.0, 4.0, 0.0, 4.0]))
    tensor(0.5000)
    """
    scale = seasonal_naive_error(train, period)
    prediction, target = _counted(prediction, target, mask)
    return ((prediction - target).abs() / scale).mean()


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
    prediction, target = _counted(prediction, target, None)
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
