"""The whole state of a training as tensors and facts, so that it can go on exactly where it stood."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from statewise import tree
from statewise.train.history import Progress
from statewise.tree import State

MODEL, OPTIMIZER, CARRY, BEST = "model.", "optimizer.", "carry.", "best."


def take_snapshot(
    model: nn.Module, optimizer: Optimizer, carry: State | None, best: dict[str, Tensor], progress: Progress
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Everything the next update depends on, flat."""
    tensors = {MODEL + name: tensor for name, tensor in model.state_dict().items()}
    tensors |= {BEST + name: tensor for name, tensor in best.items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {
            f"{OPTIMIZER}{index}.{key}": torch.as_tensor(value) for key, value in slots.items() if value is not None
        }
    if carry is not None:
        tensors |= {f"{CARRY}{index}": leaf for index, leaf in enumerate(tree.leaves(carry))}
    return tensors, {"progress": asdict(progress), "carried": carry is not None}


def restore_snapshot(
    model: nn.Module, optimizer: Optimizer, example: State, tensors: dict[str, Tensor], facts: dict[str, Any]
) -> tuple[State | None, dict[str, Tensor], Progress]:
    """Put a snapshot back; ``example`` is a state of the model, for its structure.

    Returns:
        The carried state, the best weights so far and the progress.
    """
    model.load_state_dict(_under(tensors, MODEL))
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _under(tensors, OPTIMIZER).items():
        index, key = name.split(".", 1)
        slots.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})
    carry = None
    if facts["carried"]:
        kept = iter(_under(tensors, CARRY).items())
        by_index = {int(index): leaf for index, leaf in kept}
        order = iter(range(len(by_index)))
        carry = tree.map(lambda leaf: by_index[next(order)].to(leaf.device), example)
    return carry, _under(tensors, BEST), Progress(**facts["progress"])


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
