"""What a batch may hold: shapes, types and ranges of its fields. Letters: B rows, T time steps, Q positions."""

import torch

from statewise.contract import Timed, Tokens
from statewise.tasks.batch import Batch
from statewise.tasks.data import TaskData
from statewise.tasks.rules.broken import demand, shape_of


def demand_legal(data: TaskData, batch: Batch, place: str) -> None:
    """Raise ``TaskBroken`` unless a batch is what the docstrings of its fields say."""
    _demand_inputs(data, batch, place)
    rows, steps = batch.shape
    places = batch.positions
    read = steps if places is None else places.shape[1]
    if places is not None:
        _demand(
            places.dtype == torch.int64 and len(places) == rows, place, f"positions are {shape_of(places)}, not int64"
        )
        _demand(0 <= int(places.min()) <= int(places.max()) < steps, place, f"positions must lie in [0, {steps})")
    weights, targets = batch.weights, batch.targets
    _demand(weights.shape == (rows, read), place, f"weights must be {(rows, read)}, got {shape_of(weights)}")
    _demand(weights.is_floating_point(), place, f"weights must be floats, got {shape_of(weights)}")
    _demand(bool(((weights == 0) | (weights == 1)).all()), place, "weights must be 0 or 1")
    fits = targets.shape[:2] == weights.shape
    _demand(fits, place, f"targets must begin with {(rows, read)}, got {shape_of(targets)}")
    _demand(bool(targets[weights > 0].isfinite().all()), place, "targets that count are not finite")
    if batch.starts is not None:
        fits = batch.starts.shape == (rows,) and batch.starts.dtype == torch.bool
        _demand(fits, place, f"starts must be ({rows},) bool, got {shape_of(batch.starts)}")
    if batch.resets is not None:
        fits = batch.resets.shape == (rows, steps) and batch.resets.dtype == torch.bool
        _demand(fits, place, f"resets must be {(rows, steps)} bool, got {shape_of(batch.resets)}")
    if batch.series is not None:
        fits = batch.series.shape == (rows, read) and batch.series.dtype == torch.int64
        _demand(fits, place, f"series must be {(rows, read)} int64, got {shape_of(batch.series)}")
        named = 0 <= int(batch.series.min()) <= int(batch.series.max()) < len(data.series)
        _demand(named, place, f"series must lie in [0, {len(data.series)}), as many as the task names")


def _demand_inputs(data: TaskData, batch: Batch, place: str) -> None:
    x = batch.values
    if isinstance(batch.inputs, Timed):
        elapsed = batch.inputs.elapsed
        fits = elapsed.shape == batch.shape and elapsed.is_floating_point() and bool((elapsed >= 0).all())
        _demand(fits, place, f"elapsed must be {batch.shape} floats of at least 0, got {shape_of(elapsed)}")
    if isinstance(data.input_form, Tokens):
        size = data.input_form.vocabulary
        _demand(
            x.dim() == 2 and x.dtype == torch.int64, place, f"inputs must be (B, T) int64 tokens, got {shape_of(x)}"
        )
        low, high = int(x.min()), int(x.max())
        _demand(low >= 0 and high < size, place, f"tokens must lie in [0, {size}), got {low} to {high}")
        return
    size = data.input_form.size
    fits = x.dim() == 3 and x.shape[2] == size and x.dtype == torch.get_default_dtype()
    _demand(fits, place, f"inputs must be (B, T, {size}) of the default float type, got {shape_of(x)}")
    _demand(bool(x.isfinite().all()), place, "inputs are not finite")


def _demand(holds: bool, place: str, message: str) -> None:
    demand("batches", holds, f"{place}: {message}")
