"""States as pytrees: any nesting of tuples, named tuples, lists and dicts with tensors as leaves, batch on axis 0.

Every function is pure: it returns a new tree and leaves its arguments as they were. A layer without memory has
the empty state ``()``.

An axis beyond the batch that is empty in a layer's initial state is free: as long as whoever made a state chose, such
as a decoder's source. ``fits``, ``misfit`` and ``pad_like`` know that, and nothing else has to.
"""

from collections.abc import Callable, Sequence
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


def rebuilt(like: State, leaves: Sequence[Tensor]) -> State:
    """A tree like another from what ``leaves`` gave, as out of a file; a ValueError if there are more or fewer.

    >>> rebuilt({"a": 0, "b": (0,)}, [torch.tensor(1), torch.tensor(2)])
    {'a': tensor(1), 'b': (tensor(2),)}
    """
    return pytree.tree_unflatten(list(leaves), pytree.tree_structure(like))


def named_leaves(tree: State) -> list[tuple[str, Tensor]]:
    """Every tensor of ``tree`` with its path, e.g. ``[("layers[0].h", tensor)]``."""
    return [(pytree.keystr(path).lstrip("."), leaf) for path, leaf in pytree.tree_flatten_with_path(tree)[0]]


class _Leaf:
    def __repr__(self) -> str:
        return "*"


def structure(tree: State) -> str:
    """The nesting of ``tree`` on one line, each leaf a star; two trees of one kind compare equal.

    >>> structure({"a": torch.tensor(1), "b": (torch.tensor(2), [])})
    "{'a': *, 'b': (*, [])}"
    """
    return repr(map(lambda _: _Leaf(), tree))


def map(function: Callable[..., Any], tree: State, *others: State) -> State:
    """``function`` applied leaf by leaf to one or several trees of the same structure.

    Most states are tuples or named tuples; these are gone through here, in a fifth of the time that torch takes.

    >>> map(torch.add, (torch.tensor(1),), (torch.tensor(2),))
    (tensor(3),)
    """
    if isinstance(tree, Tensor):
        return function(tree, *others)
    kind = type(tree)
    if isinstance(tree, tuple) and all(type(other) is kind and len(other) == len(tree) for other in others):
        parts = [map(function, *leaves) for leaves in zip(tree, *others, strict=True)]
        return kind(*parts) if hasattr(kind, "_fields") else tuple(parts)
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


def pad_like(initial: State, reference: State) -> State:
    """An initial state whose free axes, which are empty, are filled with zeros to be as long as those of ``reference``.

    What it takes to put rows of the one beside rows of the other.

    >>> pad_like((torch.ones(5, 3), torch.zeros(5, 0, 2)), (torch.ones(5, 3), torch.ones(5, 7, 2)))[1].shape
    torch.Size([5, 7, 2])
    """

    def pad(leaf: Tensor, other: Tensor) -> Tensor:
        if 0 not in leaf.shape[1:]:
            return leaf
        return leaf.new_zeros(leaf.shape[0], *_with_free_axes(leaf.shape[1:], other.shape[1:]))

    return map(pad, initial, reference)


def _with_free_axes(shape: Sequence[int], found: Sequence[int]) -> tuple[int, ...]:
    """``shape`` of one row, its empty axes as long as those of ``found``; itself where that has other axes."""
    if len(shape) != len(found):
        return tuple(shape)
    return tuple(size or other for size, other in zip(shape, found, strict=True))


def cat(trees: list[State]) -> State:
    """Several states as one batch, in order."""
    return map(lambda *parts: torch.cat(parts), *trees)


def split(tree: State, sizes: list[int]) -> list[State]:
    """The rows of a tree as several trees of so many rows each, in order: what ``cat`` puts together.

    >>> split((torch.arange(5),), [2, 3])
    [(tensor([0, 1]),), (tensor([2, 3, 4]),)]
    """
    found, form = pytree.tree_flatten(tree)
    if not found:
        return [tree] * len(sizes)
    parts = zip(*(leaf.split(sizes) for leaf in found), strict=True)
    return [pytree.tree_unflatten(list(part), form) for part in parts]


def detach(tree: State) -> State:
    """The same values, cut from the graph that made them."""
    return map(torch.Tensor.detach, tree)


def to(tree: State, target: torch.device | str) -> State:
    """The same values on another device."""
    return map(lambda leaf: leaf.to(target), tree)


def cast_like(tree: State, reference: State) -> State:
    """``tree`` with every leaf in the dtype that ``reference`` has there.

    Raises:
        ValueError: if the structures differ, or a leaf of real numbers stands for one of whole numbers or the reverse.

    >>> cast_like((torch.zeros(1).bfloat16(),), (torch.zeros(1),))
    (tensor([0.]),)
    """
    if structure(tree) != structure(reference):
        raise ValueError(f"a state of structure {structure(reference)} came back as {structure(tree)}")
    return map(_cast, tree, reference)


def closed(after: State, before: State) -> State:
    """The state after a step in the dtypes of the one before: what keeps a state closed, under autocast too.

    A microsecond where nothing has to be cast; ``after`` itself is returned then.

    Raises:
        ValueError: as ``cast_like`` does, or if a leaf has another shape than before.

    >>> closed((torch.zeros(5),), (torch.zeros(1),))
    Traceback (most recent call last):
    ValueError: a state's leaf of shape (1,) came back as (5,)
    """
    if alike(after, before, before):
        return after
    cast = cast_like(after, before)
    for leaf, was in zip(leaves(cast), leaves(before), strict=True):
        if leaf.shape != was.shape:
            raise ValueError(f"a state's leaf of shape {tuple(was.shape)} came back as {tuple(leaf.shape)}")
    return cast


def alike(after: State, before: State, expected: State) -> bool:
    """Whether two trees have the same structure and shapes, and the dtypes of a third, which may be a ``form``.

    Every step asks, so it is written for speed; of unusual nestings it says that they have not.

    >>> half, kept = (torch.zeros(5).bfloat16(),), (torch.zeros(5),)
    >>> alike(kept, kept, form(kept)), alike(half, half, form(kept))
    (True, False)
    """
    kind = type(after)
    if kind is not type(before):
        return False
    if issubclass(kind, (tuple, list)):
        if type(expected) is not kind or not len(after) == len(before) == len(expected):
            return False
        for leaf, was, kept in zip(after, before, expected):  # noqa: B905  strict takes time
            if type(leaf) is type(was) is Tensor:
                dtype = leaf.dtype
                if dtype is not was.dtype or dtype is not getattr(kept, "dtype", None) or leaf.shape != was.shape:
                    return False
            elif not alike(leaf, was, kept):
                return False
        return True
    if kind is dict and type(expected) is dict:
        known = list(after)
        return known == list(before) == list(expected) and all(alike(after[k], before[k], expected[k]) for k in known)
    if not isinstance(after, Tensor):
        return False
    return after.dtype is before.dtype is getattr(expected, "dtype", None) and after.shape == before.shape


def _cast(leaf: Tensor, kept: Tensor) -> Tensor:
    if leaf.is_floating_point() != kept.is_floating_point():
        raise ValueError(f"a state's leaf of {kept.dtype} came back as {leaf.dtype}")
    return leaf.to(kept.dtype)


def form(tree: State) -> State:
    """``tree`` with the ``LeafSpec`` of each tensor in its place: what ``fits`` compares with."""

    def describe(path: Any, leaf: Tensor) -> LeafSpec:
        return LeafSpec(pytree.keystr(path).lstrip("."), tuple(leaf.shape[1:]), leaf.dtype)

    return pytree.tree_map_with_path(describe, tree)


def fits(tree: State, expected: State, batch: int) -> bool:
    """Whether ``tree`` has the ``form`` ``expected`` in structure, shapes and dtypes, with ``batch`` rows.

    Free axes may be of any length. One pass that costs a microsecond or two. It knows tuples, named tuples, lists and
    dicts; of what is nested in another way it says that it does not fit, and ``misfit`` looks closer.

    >>> fits((torch.zeros(5, 3),), form((torch.zeros(1, 3),)), batch=5)
    True
    >>> fits((torch.zeros(5, 7, 3),), form((torch.zeros(1, 0, 3),)), batch=5)
    True
    """
    kind = type(expected)
    if kind is LeafSpec:
        if not isinstance(tree, Tensor) or tree.dtype != expected.dtype:
            return False
        shape = tree.shape
        if shape == (batch, *expected.shape):
            return True
        return 0 in expected.shape and shape == (batch, *_with_free_axes(expected.shape, shape[1:]))
    if type(tree) is not kind:
        return False
    if isinstance(tree, (tuple, list)):
        if len(tree) != len(expected):
            return False
        for leaf, spec in zip(tree, expected, strict=True):  # noqa: SIM110  a generator would double the cost
            if not fits(leaf, spec, batch):
                return False
        return True
    if kind is dict:
        return list(tree) == list(expected) and all(fits(tree[key], expected[key], batch) for key in expected)
    return False


def misfit(tree: State, example: State, batch: int) -> str | None:
    """In words, the first way in which ``tree`` is not like ``example`` with ``batch`` rows; ``None`` if it is.

    Axes beyond the batch that are empty in ``example`` are free.

    >>> print(misfit((torch.zeros(5, 4),), (torch.zeros(1, 3),), batch=5))
    its leaf '[0]' has shape (5, 4), expected (5, 3)
    """
    if structure(tree) != structure(example):
        return f"it has the structure {structure(tree)}, expected {structure(example)}"
    for (path, expected), leaf in zip(named_leaves(example), leaves(tree), strict=True):
        place = f"its leaf '{path}'" if path else "it"
        if not isinstance(leaf, Tensor):
            return f"{place} is {leaf!r}, not a tensor"
        if leaf.shape != (batch, *_with_free_axes(expected.shape[1:], leaf.shape[1:])):
            wanted = ", ".join([str(batch), *(str(size) if size else "any" for size in expected.shape[1:])])
            return f"{place} has shape {tuple(leaf.shape)}, expected ({wanted}{'' if expected.dim() > 1 else ','})"
        if leaf.dtype != expected.dtype:
            return f"{place} has dtype {leaf.dtype}, expected {expected.dtype}"
    return None


def nbytes(tree: State) -> int:
    """The size of a state in bytes, all rows together.

    >>> nbytes((torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64)))
    40
    """
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves(tree))
