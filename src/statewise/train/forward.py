"""One pass of a model over one batch: carry in, outputs at the read-out positions, carry out."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from statewise import tree
from statewise.contract import Model
from statewise.tasks.base import Batch
from statewise.tree import State


def to_device(batch: Batch, device: torch.device | str) -> Batch:
    """The batch on another device."""
    inputs, targets, weights = (part.to(device) for part in batch[:3])
    starts, positions = (None if part is None else part.to(device) for part in batch[3:])
    return Batch(inputs, targets, weights, starts, positions)


def full_precision(outputs: Tensor) -> Tensor:
    """Outputs for loss and scores: half precision becomes float32, anything else stays."""
    return outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs


def run_batch(model: Model, batch: Batch, carry: State | None, *, checkpoint_time: int = 0) -> tuple[Tensor, State]:
    """Outputs ``(B, Q, output_size)`` at the positions the batch asks for, and the state after it, still attached.

    The readout is paid for at the asked positions alone. See ``run_body``.
    """
    features, state = run_body(model, batch, carry, checkpoint_time=checkpoint_time)
    return model.head(features), state


def run_body(model: Model, batch: Batch, carry: State | None, *, checkpoint_time: int = 0) -> tuple[Tensor, State]:
    """What the head reads ``(B, Q, features)`` at the positions the batch asks for, and the state after the batch.

    Rows that ``batch.starts`` marks begin anew; the others go on from ``carry``. With ``checkpoint_time`` the
    activations of every that many time steps are recomputed in the backward pass.
    """
    state = starting_state(model, batch, carry)
    if checkpoint_time:
        features, state = _checkpointed(model, batch.inputs, state, checkpoint_time)
    else:
        features, state = model.body(batch.inputs, state)
    if batch.positions is not None:
        wanted = batch.positions.unsqueeze(2).expand(-1, -1, features.shape[2])
        features = features.gather(1, wanted)
    return features, state


def starting_state(model: Model, batch: Batch, carry: State | None) -> State:
    """The state before the first step of ``batch``."""
    rows = batch.inputs.shape[0]
    if carry is None or batch.starts is None:
        return model.initial_state(rows)
    if not bool(batch.starts.any()):
        return carry
    return tree.where(batch.starts, model.initial_state(rows), carry)


def _checkpointed(model: Model, inputs: Tensor, state: State, every: int) -> tuple[Tensor, State]:
    features = []
    for part in inputs.split(every, dim=1):
        y, state = checkpoint(model.body, part, state, use_reentrant=False)
        features.append(y)
    return torch.cat(features, dim=1), state
