"""One pass of a model over one batch: carry in, outputs at the read-out positions, carry out."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from statewise import tree
from statewise.contract import Input, Model, parametrised_weights, slice_time, weights_held
from statewise.tasks.batch import Batch
from statewise.tree import State


def to_device(batch: Batch, device: torch.device | str) -> Batch:
    """The batch on another device."""
    targets, weights = batch.targets.to(device), batch.weights.to(device)
    others = (None if part is None else part.to(device) for part in batch[3:])
    return Batch(tree.to(batch.inputs, device), targets, weights, *others)


def going_on(carry: State | None, batch: Batch) -> State | None:
    """The state that is carried into ``batch``: none into one of another number of rows."""
    leaves = [] if carry is None else tree.leaves(carry)
    return None if leaves and leaves[0].shape[0] != batch.shape[0] else carry


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

    Rows that ``batch.starts`` marks begin anew, the others go on from ``carry``; at ``batch.resets`` rows begin anew
    inside. With ``checkpoint_time`` the activations of every that many time steps are recomputed in the backward pass,
    from the same weights.
    """
    state = starting_state(model, batch, carry)
    if checkpoint_time:
        features, state = _checkpointed(model, batch, state, checkpoint_time)
    else:
        features, state = model.features(batch.inputs, state, reset=batch.resets)
    if batch.positions is not None:
        wanted = batch.positions.unsqueeze(2).expand(-1, -1, features.shape[2])
        features = features.gather(1, wanted)
    return features, state


def starting_state(model: Model, batch: Batch, carry: State | None) -> State:
    """The state before the first step of ``batch``."""
    rows, _ = batch.shape
    if carry is None or batch.starts is None:
        return model.initial_state(rows)
    if not bool(batch.starts.any()):
        return carry
    return tree.where(batch.starts, tree.pad_like(model.initial_state(rows), carry), carry)


def _checkpointed(model: Model, batch: Batch, state: State, every: int) -> tuple[Tensor, State]:
    made = parametrised_weights(model)

    def stretch(x: Input, before: State, reset: Tensor | None) -> tuple[Tensor, State]:
        with weights_held(dict(made)):
            return model.features(x, before, reset=reset)

    features = []
    for start in range(0, batch.shape[1], every):
        part = slice_time(batch.inputs, start, start + every)
        reset = None if batch.resets is None else batch.resets[:, start : start + every]
        y, state = checkpoint(stretch, part, state, reset, use_reentrant=False)
        features.append(y)
    return torch.cat(features, dim=1), state
