"""States as pytrees: any nesting of tuples, named tuples, lists and dicts with tensors as leaves, batch on axis 0.

Every function is pure: it returns a new tree and leaves its arguments as they were. A layer without memory has
the empty state ``()``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

State = Any
"""A pytree of tensors. Batch is axis 0 of every leaf."""


class LeafSpec(NamedTuple):
    """What one leaf of a state looks like for one row: its path, its shape without the batch axis, its dtype."""

    path: str
    shape: tuple[int, ...]
    dtype: torch.dtype


def leaves(tree: State) -> list[Tensor]:
    """All tensors of ``tree``, in a fixed order.

    >>> [leaf.item() for leaf in leaves({"a": torch.tensor(1), "b": (torch.tensor(2),)})]
    [1, 2]
    """
    return pytree.tree_leaves(tree)


def named_leaves(tree: State) -> list[tuple[str, Tensor]]:
    """Every tensor of ``tree`` with its path, e.g. ``[("layers[0].h", tensor)]``."""
    return [(pytree.keystr(path).lstrip("."), leaf) for path, leaf in pytree.tree_flatten_with_path(tree)[0]]


def structure(tree: State) -> str:
    """The nesting of ``tree`` without its tensors, in words; two trees of one kind compare equal."""
    return str(pytree.tree_structure(tree))


def map(function: Callable[..., Any], tree: State, *others: State) -> State:
    """``function`` applied leaf by leaf to one or several trees of the same structure.

    >>> map(torch.add, (torch.tensor(1),), (torch.tensor(2),))
    (tensor(3),)
    """
    return pytree.tree_map(function, tree, *others)


def take(tree: State, rows: Tensor) -> State:
    """The rows of a state that ``rows`` selects: indices or a ``(B,)`` bool mask."""
    return map(lambda leaf: leaf[rows], tree)


def put(tree: State, rows: Tensor, values: State) -> State:
    """``tree`` with the rows that ``rows`` selects (indices or a ``(B,)`` bool mask) replaced by ``values``."""

    def replace(leaf: Tensor, value: Tensor) -> Tensor:
        return leaf.index_put((rows,), value)

    return map(replace, tree, values)


def where(rows: Tensor, chosen: State, otherwise: State) -> State:
    """Row by row: ``chosen`` where the ``(B,)`` bool mask ``rows`` is true, else ``otherwise``."""

    def select(leaf: Tensor, other: Tensor) -> Tensor:
        return torch.where(rows.view(-1, *[1] * (leaf.dim() - 1)), leaf, other)

    return map(select, chosen, otherwise)


def cat(trees: list[State]) -> State:
    """Several states as one batch, in order."""
    return map(lambda *parts: torch.cat(parts), *trees)


def detach(tree: State) -> State:
    """The same values, cut from the graph that made them."""
    return map(torch.Tensor.detach, tree)


def to(tree: State, target: torch.device | str) -> State:
    """The same values on another device."""
    return map(lambda leaf: leaf.to(target), tree)


def cast_like(tree: State, reference: State) -> State:
    """``tree`` with every leaf in the dtype that ``reference`` has there: what keeps a state closed under autocast."""
    return map(lambda leaf, kept: leaf.to(kept.dtype), tree, reference)


def spec(tree: State) -> list[LeafSpec]:
    """What each leaf looks like for one row of the batch."""
    return [LeafSpec(path, tuple(leaf.shape[1:]), leaf.dtype) for path, leaf in named_leaves(tree)]


def nbytes(tree: State) -> int:
    """The size of a state in bytes, all rows together.

    >>> nbytes((torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64)))
    40
    """
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves(tree))
