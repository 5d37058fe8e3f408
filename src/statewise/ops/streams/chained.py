"""One step of a chained recurrence at a time, in place: what ``chained_recurrence`` is for sequences.

x_t = feed(W x_t + b),    h, m = the chain of products and gates from x_t, h, m
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from statewise.ops.compiled.compiler import as_array
from statewise.ops.in_place import held
from statewise.ops.streams.feeds import PLAIN, Plain
from statewise.ops.streams.stepping import Stepping, arrays_of, carried, check, owned_kind


def chained_stepping(
    gates: Any,
    inputs: tuple[Tensor, Tensor],
    weights: Sequence[Tensor],
    h: Tensor,
    m: Tensor | None = None,
    *,
    feed: Any = PLAIN,
) -> Stepping:
    """The recurrence at work from h and m on.

    Args:
        gates: of the cell, from ``statewise.ops.chains``.
        inputs: W ``(A, D)`` and b ``(A,)``.
        weights: the matrices of the chain, the first of the chain first.
        h: ``(B, H)``.
        m: ``(B, M)``; ``None`` where the cell has none.
        feed: what becomes of W x + b, from ``statewise.ops.streams.feeds``.

    Everything is copied: it goes on with the weights as they are now.

    Raises:
        ValueError: if tensors do not fit together.

    >>> from statewise.ops.chains.reset_gru import ResetGRUGates
    >>> inputs, weights = (torch.zeros(12, 3), torch.zeros(12)), (torch.zeros(8, 4), torch.zeros(4, 4))
    >>> stepping = chained_stepping(ResetGRUGates(), inputs, weights, torch.ones(2, 4))
    >>> [stepping(torch.zeros(2, 3))[0].tolist() for _ in range(2)]
    [[0.5, 0.5, 0.5, 0.5], [0.25, 0.25, 0.25, 0.25]]
    """
    from statewise.ops.compiled.stepping import chained_step

    weight_in, bias_in = inputs
    h, m = held(h), h.new_empty(len(h), 0) if m is None else held(m)
    gates, feed = owned_kind(gates), owned_kind(feed)
    driven = h.new_empty(len(h), feed.made(len(bias_in)))
    _check(gates, feed, inputs, weights, h, m, driven)
    read = driven if isinstance(feed, Plain) else h.new_empty(len(h), len(bias_in))
    saved = h.new_empty(len(h), gates.saved(*(weight.shape for weight in weights)))
    arrays = [
        *_arrays([held(weight_in.t()), held(bias_in)]),
        _arrays(held(weight.t()) for weight in weights),
        *_arrays([h, m, read, driven]),
        _arrays(h.new_empty(len(h), len(weight)) for weight in weights),
        _arrays(h.new_empty(len(h), weight.shape[1]) for weight in weights),
        *_arrays([torch.empty_like(h), torch.empty_like(m), saved]),
    ]
    kinds = [arrays_of(gates), arrays_of(feed), as_array(torch.tensor(gates.chain()))]
    leaves = [h, *([m] if m.shape[1] else []), *carried(feed)]
    return Stepping(chained_step, kinds, leaves, getattr(feed, "elapsed", None), arrays)


def _check(
    gates: Any, feed: Any, inputs: tuple[Tensor, Tensor], weights: Sequence[Tensor], h: Tensor, m: Tensor, x: Tensor
) -> None:
    """Hold all to the sizes that the loop reads off few of them; letters before what is made of them."""
    (weight_in, bias_in), (of_x, of_m, *others) = inputs, gates.axes()
    fixed = {"h": ("B H", h), "m": (f"B {of_m}", m), "b": ("A", bias_in), "W": ("A D", weight_in)}
    fixed |= {f"weights[{number}]": (others[number], weight) for number, weight in enumerate(weights)}
    own = {"gates": (gates, others[len(weights) :]), "feed": (feed, feed.form().axes)}
    check("chained_stepping", fixed, own, {"x": (f"B {of_x}", x)}, {})


def _arrays(tensors: Iterable[Tensor]) -> tuple[Any, ...]:
    return tuple(as_array(tensor) for tensor in tensors)
