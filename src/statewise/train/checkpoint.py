"""Checkpoints: safetensors and JSON in a folder that appears whole or not at all."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from statewise.errors import UserError
from statewise.storage import UNFINISHED, write_through

TENSORS = "tensors.safetensors"
FACTS = "facts.json"


def save_checkpoint(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a checkpoint so that ``folder`` is either the old one or the new one, whenever the process is killed.

    Raises:
        UserError: if the disk is full or the folder cannot be written; the old checkpoint stays as it was.
    """
    fresh = folder.with_name(folder.name + UNFINISHED)
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        separate = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        write_through(fresh / TENSORS, save(separate))
        write_through(fresh / FACTS, json.dumps(dict(facts), indent=1).encode())
        _swap(fresh, folder)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise UserError(f"cannot write the checkpoint {folder}: {error.strerror or error}; {_mend(folder)}") from error


def has_checkpoint(folder: Path) -> bool:
    """Whether there is a checkpoint, whole or not, at ``folder``."""
    return folder.exists() or _old(folder).exists()


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a checkpoint.

    Each tensor has memory of its own: products of matrices round otherwise where these are not aligned, as they stand
    in the file, and a resumed training would differ in the last bit.

    Raises:
        UserError: if it is missing, truncated or not one of ours.
    """
    whole = folder if folder.exists() else _old(folder)
    if not whole.exists():
        raise UserError(f"there is no checkpoint at {folder}; train first, or name another run folder")
    try:
        facts = json.loads((whole / FACTS).read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise ValueError(f"{FACTS} is no JSON object")
        with safe_open(whole / TENSORS, framework="pt") as file:
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  safe_open is no mapping
    except (OSError, ValueError, SafetensorError) as error:
        raise UserError(
            f"the checkpoint {whole} is damaged or was not written by statewise ({error}); restore it, or delete the "
            "folder and train again"
        ) from error
    return tensors, facts


def load_weights(module: torch.nn.Module, weights: Mapping[str, Tensor], source: str) -> None:
    """Put ``weights`` into ``module``.

    Raises:
        UserError: if they are another model's; the first difference is named.
    """
    own = module.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        here = tuple(own[name].shape) if name in own else None
        there = tuple(weights[name].shape) if name in weights else None
        if here != there:
            raise UserError(
                f"{source} belongs to another model: '{name}' has shape {there} there and {here} here; "
                "use the config.json that stands beside it"
            )
    module.load_state_dict(dict(weights))


def _mend(folder: Path) -> str:
    """What to do where a checkpoint cannot be written, beside others of the same training or as its first."""
    if any(folder.parent.glob(f"*/{TENSORS}")):
        return (
            "free some space and run the same command to go on from the last checkpoint, or begin anew in another "
            "folder with --out"
        )
    return (
        "free some space and run the same command, or choose another folder with --out; there is no checkpoint yet, so "
        "it begins anew"
    )


def _swap(fresh: Path, folder: Path) -> None:
    """Put ``fresh`` in the place of ``folder``; ``.old`` covers the moment in between."""
    old = _old(folder)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _old(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")
