"""Predictions with dropout left on: many thinned models out of one.

Monte Carlo dropout (Gal & Ghahramani 2016, "Dropout as a Bayesian approximation", section 4): with masks m_s drawn anew
for each sample s,

    E[y] ~ 1/S sum_s f(x; m_s),    Var[y] ~ 1/S sum_s f(x; m_s)^2 - E[y]^2 + the noise of the data, 1 / tau

Their variance is that of the model alone, how unsure it is of its weights; 1 / tau is for the caller to add. For
recurrent nets the paper's sequel (Gal & Ghahramani 2016, "A theoretically grounded application of dropout in recurrent
neural networks", section 4) draws a mask once a sequence, as ``dropout_mask="sequence"`` does between blocks and
``lstm-variational`` inside the recurrence; masks that change from step to step average out along the sequence and vary
less. Weights that DropConnect drops are dropped once a thinned model. It approximates a posterior whose width
follows from the dropout rate, not from how much data there is: hold its intervals against held-out data.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from statewise import tree
from statewise.combine.parametrised import DropConnect
from statewise.contract import Input, Known, Model, SequenceLayer, example_input, slice_time, values_of, weights_held
from statewise.errors import UserError
from statewise.tasks.batch import Batch, Split
from statewise.tasks.data import TaskData
from statewise.train.forward import full_precision, going_on, run_batch, to_device
from statewise.tree import State

STEPS_AT_ONCE = 512
STEPS_TRIED, SAMPLES_TRIED = 8, 64
"""Steps and thinned models in which noise, where there is any, shows"""
ROUNDING = 1e-5
"""Rows of a batch may differ by so much of the largest output, without any noise: products of matrices round by row"""


def sample_outputs(model: SequenceLayer, x: Input, *, samples: int, seed: int = 0, last: int | None = None) -> Tensor:
    """Outputs of ``samples`` thinned models, each from an empty memory; all other noise of training is on as well.

    Of logits, average the probabilities: ``sample_outputs(...).softmax(-1).mean(0)``.

    Args:
        model: any; it is left in the mode it was in, and torch's generators as they were.
        x: ``(B, T, d_in)`` or ``(B, T)``.
        samples: S, at least 2.
        seed: the same gives the same masks.
        last: how many of the last time steps are returned; ``None`` = all.

    Returns:
        ``(S, B, T, d_out)``.

    Raises:
        UserError: if there are fewer than 2 samples, or all are alike, as of a model without dropout.

    >>> from statewise.combine.dropout import Dropout
    >>> y = sample_outputs(Dropout(width=3, rate=0.5), torch.ones(1, 4, 3), samples=1000)
    >>> y.shape, bool((y.mean(0) - 1).abs().max() < 0.2), bool((y.var(0) - 1).abs().max() < 0.2)
    (torch.Size([1000, 1, 4, 3]), True, True)
    """
    if samples < 2:
        raise UserError(f"samples must be at least 2, got {samples}")
    steps = values_of(x).shape[1]
    found = _sampled(model, x, samples, seed, first=0 if last is None else max(0, steps - last))
    _check_differ(found)
    return found


def has_noise(model: SequenceLayer) -> bool:
    """Whether thinned models differ in what they say of a random sequence, as those of a model with dropout do.

    >>> from statewise.combine.dropout import Dropout
    >>> has_noise(Dropout(width=3, rate=0.1)), has_noise(Dropout(width=3, rate=0.0))
    (True, False)
    """
    return not _alike(_sampled(model, example_input(model, batch=1, time=STEPS_TRIED), SAMPLES_TRIED, seed=0, first=0))


def sampled_answers(
    model: Model, data: TaskData, split: Split, *, batch_size: int, samples: int, seed: int = 0
) -> Iterator[tuple[Tensor, Batch]]:
    """Outputs of ``samples`` thinned models for every batch of a split, and the batch; see ``evaluation.answers``.

    Yields:
        Outputs ``(S, B, Q, output_size)`` on the CPU, and the batch. Every thinned model has its own weights, where
        some are dropped, and carries its own state, from batch to batch.

    Raises:
        UserError: as ``sample_outputs`` does.
    """
    if samples < 2:
        raise UserError(f"samples must be at least 2, got {samples}")
    draws = torch.Generator().manual_seed(seed)
    carries: list[State | None] = [None] * samples
    weights: list[Known] = [{} for _ in carries]
    for batch in data.evaluation(split, batch_size=batch_size, length=None):
        here = to_device(batch, model.device)
        outputs = []
        with _thinned(model, int(torch.randint(2**62, (), generator=draws))):
            for place, carry in enumerate(carries):
                with weights_held(weights[place]):
                    y, carries[place] = run_batch(model, here, going_on(carry, batch))
                outputs.append(full_precision(y).cpu())
        found = torch.stack(outputs)
        _check_differ(found)
        yield found, batch


def _sampled(model: SequenceLayer, x: Input, samples: int, seed: int, *, first: int) -> Tensor:
    """Outputs of thinned models from time step ``first`` on."""
    rows, steps = values_of(x).shape[:2]
    with _thinned(model, seed):
        if any(isinstance(part, DropConnect) for part in model.modules()):
            return torch.stack([_tail(model, x, first, steps) for _ in range(samples)])
        many = tree.map(lambda leaf: torch.cat([leaf] * samples), x)
        return _tail(model, many, first, steps).unflatten(0, (samples, rows))


@contextmanager
def _thinned(model: SequenceLayer, seed: int) -> Iterator[None]:
    """With all noise of training on, drawn from ``seed``, and without gradients."""
    was_training = model.training
    devices = [model.device] if model.device.type == "cuda" else []
    model.train()
    try:
        with torch.random.fork_rng(devices), torch.no_grad():
            torch.manual_seed(seed)
            yield
    finally:
        model.train(was_training)


def _alike(found: Tensor) -> bool:
    """Whether ``found (S, ...)`` is the same S times."""
    return bool((found - found[:1]).abs().amax() <= ROUNDING * found.abs().amax())


def _check_differ(found: Tensor) -> None:
    if _alike(found):
        raise UserError(
            "this model says the same whatever is dropped out, as one without dropout does; train one with dropout, as "
            "with --set model.dropout=0.1 model.dropout_mask=sequence, or leave the samples out: intervals need none"
        )


def _tail(model: SequenceLayer, x: Input, first: int, steps: int) -> Tensor:
    """Outputs from time step ``first`` on, worked out a stretch at a time by the same weights."""
    kept = []
    state = None
    with weights_held():
        for start in range(0, steps, STEPS_AT_ONCE):
            y, state = model(slice_time(x, start, start + STEPS_AT_ONCE), state)
            kept.append(y[:, max(0, first - start) :])
    return torch.cat(kept, dim=1)
