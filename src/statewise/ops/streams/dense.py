"""One step of a dense recurrence at a time, in place: what ``dense_recurrence`` is for sequences.

x_t = feed(W x_t + b),    h, m = hold(gates(x_t, U h + c, h, m))
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from statewise.ops.compiled.compiler import as_array
from statewise.ops.in_place import held
from statewise.ops.streams.feeds import PLAIN, Plain
from statewise.ops.streams.holds import MOVING
from statewise.ops.streams.stepping import Stepping, arrays_of, carried, check, owned_kind


def dense_stepping(
    gates: Any,
    inputs: tuple[Tensor, Tensor],
    weight: Tensor,
    bias: Tensor | None,
    h: Tensor,
    memory: Sequence[Tensor] = (),
    *,
    feed: Any = PLAIN,
    hold: Any = MOVING,
) -> Stepping:
    """The recurrence at work from h and the memory on.

    Args:
        gates: of the cell, from ``statewise.ops.gates``.
        inputs: W ``(A, D)`` and b ``(A,)``.
        weight: U ``(R H, H)``.
        bias: c ``(R H,)``; ``None`` where b holds it.
        h: ``(B, H)``.
        memory: the vectors beside it, ``(B, H)`` each.
        feed: what becomes of W x + b, from ``statewise.ops.streams.feeds``.
        hold: what stays as it was, from ``statewise.ops.streams.holds``.

    Everything is copied: it goes on with the weights as they are now.

    Raises:
        ValueError: if tensors do not fit together.

    >>> from statewise.ops.gates.gru import GRUGates
    >>> inputs, weight, h = (torch.zeros(12, 3), torch.zeros(12)), torch.zeros(12, 4), torch.ones(2, 4)
    >>> stepping = dense_stepping(GRUGates(), inputs, weight, None, h)
    >>> [stepping(torch.zeros(2, 3))[0].tolist() for _ in range(2)]
    [[0.5, 0.5, 0.5, 0.5], [0.25, 0.25, 0.25, 0.25]]
    """
    from statewise.ops.compiled.stepping import dense_step

    sizes, (weight_in, bias_in) = gates.sizes(), inputs
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    h, m = held(h), torch.stack([held(part) for part in memory], 1) if memory else h.new_empty(len(h), 0, h.shape[1])
    gates, feed, hold = map(owned_kind, (gates, feed, hold))
    driven = h.new_empty(len(h), feed.made(len(bias_in)))
    _check(gates, feed, hold, {"h": h, "m": m, "b": bias_in, "W": weight_in, "c": bias, "U": weight, "x": driven})
    read = driven if isinstance(feed, Plain) else h.new_empty(len(h), len(bias_in))
    products = h.new_empty(len(h), sizes.products, h.shape[1])
    rooms = read, driven.unflatten(1, (-1, h.shape[1])), products, *map(torch.empty_like, (h, m))
    arrays = *map(held, (weight_in.t(), bias_in, weight.t(), bias)), h, m, *rooms, h.new_empty(sizes.saved, h.shape[1])
    kinds = [*map(arrays_of, (gates, feed, hold))]
    leaves = [h, *m.unbind(1), *carried(feed, hold)]
    return Stepping(dense_step, kinds, leaves, getattr(feed, "elapsed", None), [*map(as_array, arrays)])


def _check(gates: Any, feed: Any, hold: Any, tensors: dict[str, Tensor]) -> None:
    """Hold all to the sizes that the loop reads off few of them; letters before what is made of them."""
    sizes, width = gates.sizes(), tensors["h"].shape[-1]
    axes = {"h": "B H", "m": "B M H", "b": "A", "W": "A D", "c": "R", "U": "R H"}
    x = {"x": (f"B {sizes.products + sizes.beside}H", tensors["x"])}
    kinds = {"gates": (gates, sizes.own), "feed": (feed, feed.form().axes), "hold": (hold, hold.form().axes)}
    known = {"R": sizes.products * width, "M": sizes.memory, "N": 1 + sizes.memory}
    check("dense_stepping", {name: (of, tensors[name]) for name, of in axes.items()}, kinds, x, known)
