"""The whole state of a training as tensors and facts, so that it can go on exactly where it stood."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from statewise import tree
from statewise.contract import SequenceLayer
from statewise.errors import UserError
from statewise.train.checkpoint import load_weights
from statewise.train.history import Progress
from statewise.tree import State

MODEL, OPTIMIZER, CARRY, BEST = "model.", "optimizer.", "carry.", "best."


def take_snapshot(
    model: nn.Module, optimizer: Optimizer, carry: State | None, best: dict[str, Tensor], progress: Progress
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Everything the next update depends on, flat."""
    tensors = under(MODEL, model.state_dict()) | under(BEST, best) | pack_carry(carry)
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {
            f"{OPTIMIZER}{index}.{key}": torch.as_tensor(value) for key, value in slots.items() if value is not None
        }
    facts = {"optimizer": type(optimizer).__name__, "progress": asdict(progress), "carried": carry is not None}
    return tensors, facts


def restore_snapshot(
    model: SequenceLayer,
    optimizer: Optimizer,
    tensors: dict[str, Tensor],
    facts: dict[str, Any],
    *,
    source: str,
) -> tuple[State | None, dict[str, Tensor], Progress]:
    """Put a snapshot back into a model and its optimiser.

    Returns:
        The carried state, the best weights so far and the progress.

    Raises:
        UserError: if it is a snapshot of another model or another kind of training; ``source`` is named.
    """
    check_kind(facts, "optimizer", type(optimizer).__name__, source)
    progress = read_progress(facts, source)
    load_weights(model, among(tensors, MODEL), source=source)
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in among(tensors, OPTIMIZER).items():
        index, key = name.split(".", 1)
        slots.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    carry = unpack_carry(tensors, model, source) if facts["carried"] else None
    return carry, among(tensors, BEST), progress


def check_kind(facts: dict[str, Any], name: str, expected: object, source: str) -> None:
    """Raise a UserError unless a checkpoint says ``expected`` of itself."""
    if facts.get(name) != expected:
        raise UserError(
            f"{source} is no checkpoint of this training: its {name} is {facts.get(name)}, here it is {expected}; "
            "choose another folder, or the config that made it"
        )


def read_progress(facts: dict[str, Any], source: str) -> Progress:
    """Where the training of a checkpoint stood."""
    try:
        return Progress(**facts["progress"])
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{source} was not written by this version of statewise ({error}); choose another folder, or delete it and "
            "train again"
        ) from error


def pack_carry(carry: State | None) -> dict[str, Tensor]:
    """The leaves of a carried state, by number."""
    return {} if carry is None else {f"{CARRY}{index}": leaf for index, leaf in enumerate(tree.leaves(carry))}


def unpack_carry(tensors: dict[str, Tensor], model: SequenceLayer, source: str) -> State:
    """A state that ``model`` carried, from its leaves.

    Raises:
        UserError: if they are those of another model.
    """
    found = among(tensors, CARRY)
    example = model.initial_state(1)
    if found.keys() == {str(index) for index in range(len(tree.leaves(example)))}:
        leaves = [found[str(index)].to(model.device) for index in range(len(found))]
        carry = tree.rebuilt(example, leaves)
        rows = len(found["0"]) if found else 0
        if tree.misfit(carry, example, rows) is None:
            return carry
    raise UserError(f"{source} carries the state of another model; use the config.json that stands beside it")


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """``tensors`` with ``prefix`` before every name."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def among(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose name begins with ``prefix``, without it."""
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
