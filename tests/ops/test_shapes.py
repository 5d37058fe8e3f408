"""What does not fit together is refused before a loop goes through memory by it."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch import Tensor

from statewise.contract import Segments
from statewise.ops.causal_convolution import causal_convolution
from statewise.ops.cells.ind_rnn import TanhIndRNNCell
from statewise.ops.cells.sru import SRUCell
from statewise.ops.chained_recurrence import chained_recurrence
from statewise.ops.chains.cfc import CfCGates
from statewise.ops.chains.projected_lstm import ProjectedLSTMGates
from statewise.ops.delta_rule import delta_rule
from statewise.ops.dense_recurrence import dense_recurrence
from statewise.ops.diagonal_convolution import diagonal_convolution
from statewise.ops.elementwise_recurrence import elementwise_recurrence
from statewise.ops.gates.minimal_rnn import MinimalRNNGates
from statewise.ops.gates.norm_lstm import NormLSTMGates
from statewise.ops.gates.peephole_lstm import PeepholeLSTMGates
from statewise.ops.gates.s_lstm import SLSTMGates
from statewise.ops.linear_recurrence import linear_recurrence
from statewise.ops.matrix_recurrence import matrix_recurrence
from statewise.ops.running_maximum import running_maximum
from statewise.ops.selective_scan import selective_scan
from statewise.ops.shapes import Shapes
from statewise.ops.state_space_convolution import state_space_convolution
from statewise.ops.streams.chained import chained_stepping
from statewise.ops.streams.dense import dense_stepping
from statewise.ops.streams.feeds import Elapsed, Squashed
from statewise.ops.streams.holds import Shares
from statewise.ops.windowed_attention import windowed_attention

B, T, D, S, N, K = 2, 6, 4, 3, 2, 5

Sizes = tuple[int, ...]


def projected(x: Tensor, gates: Tensor, projection: Tensor, h: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    return chained_recurrence(ProjectedLSTMGates(), x, (gates, projection), h, m)


def cfc(x: Tensor, u: Tensor, w: Tensor, v: Tensor, bias: Tensor, heads: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    return chained_recurrence(CfCGates(bias, heads, torch.ones(1)), x, (u, w, v), h)


def peephole(x: Tensor, weight: Tensor, h: Tensor, m: Tensor, peepholes: Tensor) -> tuple[Tensor, Tensor]:
    return dense_recurrence(PeepholeLSTMGates(peepholes), x, weight, None, h, m)


def norm_lstm(x: Tensor, weight: Tensor, h: Tensor, m: Tensor, **own: Tensor) -> tuple[Tensor, Tensor]:
    return dense_recurrence(NormLSTMGates(**own), x, weight, None, h, m)


def dense_stream(
    w: Tensor, b: Tensor, weight: Tensor, bias: Tensor, h: Tensor, v: Tensor, b_v: Tensor, keep: Tensor
) -> Tensor:
    stream = dense_stepping(MinimalRNNGates(), (w, b), weight, bias, h, feed=Squashed(v, b_v), hold=Shares(keep))
    return stream(torch.zeros(B, K))


def chained_stream(
    w: Tensor, b: Tensor, u: Tensor, hidden: Tensor, v: Tensor, bias: Tensor, heads: Tensor, h: Tensor, elapsed: Tensor
) -> Tensor:
    feed = Elapsed.over(B)._replace(elapsed=elapsed.double())
    return chained_stepping(CfCGates(bias, heads, torch.ones(1)), (w, b), (u, hidden, v), h, feed=feed)(
        torch.zeros(B, N)
    )


OPERATIONS: dict[str, tuple[Callable[..., object], dict[str, Sizes], dict[str, Sizes]]] = {
    "selective": (
        selective_scan,
        {"u": (B, T, D), "dt": (B, T, D), "a": (D, S), "b": (B, T, S), "c": (B, T, S), "initial": (B, D, S)},
        {},
    ),
    "maximum": (running_maximum, {"a": (B, T, D), "b": (B, T, D), "initial": (B, D)}, {}),
    "sru": (
        partial(elementwise_recurrence, SRUCell()),
        {"x": (B, T, 3, D), "initial": (B, D), "weight": (2, D), "skip": (B, T, D)},
        {},
    ),
    "ind-rnn": (
        partial(elementwise_recurrence, TanhIndRNNCell()), {"x": (B, T, 1, D), "initial": (B, D), "weight": (1, D)}, {}
    ),
    "minimal-rnn": (
        partial(dense_recurrence, MinimalRNNGates()),
        {"x": (T, B, 2, D), "weight": (D, D), "bias": (D,), "h": (B, D), "m": (B, 0, D)},
        {},
    ),
    "slstm": (
        partial(dense_recurrence, SLSTMGates()),
        {"x": (T, B, 4, D), "weight": (4 * D, D), "bias": (4 * D,), "h": (B, D), "m": (B, 3, D),
         "keep": (T, B, 4, D), "mask": (B, D)},
        {},
    ),
    "peephole": (
        peephole,
        {"x": (T, B, 4, D), "weight": (4 * D, D), "h": (B, D), "m": (B, 1, D), "peepholes": (3, D)},
        {},
    ),
    "norm-lstm": (
        norm_lstm,
        {"x": (T, B, 4, D), "weight": (4 * D, D), "h": (B, D), "m": (B, 1, D), "gain": (4, D), "memory_gain": (D,),
         "memory_bias": (D,), "centred": (1,)},
        {},
    ),
    "dense stream": (
        dense_stream,
        {"w": (D, K), "b": (D,), "weight": (D, D), "bias": (D,), "h": (B, D), "v": (D, D), "b_v": (D,), "keep": (1, D)},
        {},
    ),
    "chained stream": (
        chained_stream,
        {"w": (K, N), "b": (K,), "u": (K, D), "hidden": (K, K), "v": (4 * D, K), "bias": (1, K), "heads": (4 * D,),
         "h": (B, D), "elapsed": (B,)},
        {},
    ),
    "projected": (
        projected, {"x": (T, B, 4 * K), "gates": (4 * K, D), "projection": (D, K), "h": (B, D), "m": (B, K)}, {}
    ),
    "cfc": (
        cfc,
        {"x": (T, B, K + 1), "u": (K, D), "w": (K, K), "v": (4 * D, K), "bias": (1, K), "heads": (4 * D,), "h": (B, D)},
        {},
    ),
    "depthwise": (
        partial(causal_convolution, groups=D),
        {"x": (B, T, D), "tail": (B, 2, D), "weight": (D, 1, 3), "bias": (D,)},
        {},
    ),
    "delta": (
        delta_rule,
        {"q": (B, T, N, K), "k": (B, T, N, K), "v": (B, T, N, D), "log_a": (B, T, N, 1), "b": (B, T, N, 1),
         "initial": (B, N, K, D)},
        {},
    ),
    "matrix": (
        matrix_recurrence,
        {"q": (B, T, N, K), "k": (B, T, N, K), "v": (B, T, N, D), "log_a": (B, T, N, K), "initial": (B, N, K, D)},
        {},
    ),
    "diagonal": (
        diagonal_convolution, {"u": (B, T, D)},
        {"log_a": (D, S), "b": (D, S), "c": (D, S), "initial": (B, D, S)},
    ),
    "s4": (
        state_space_convolution, {"u": (B, T, D)},
        {"change": (D, S), "p": (D, S), "q": (D, S), "b": (D, S), "c": (D, S), "initial": (B, D, S)},
    ),
    "linear": (linear_recurrence, {"a": (B, T, D), "b": (B, T, D), "initial": (B, D)}, {}),
    "attention": (
        lambda q, keys, values: windowed_attention(q, keys, values, torch.full((B,), 3), context=4),
        {"q": (B, T, N, K), "keys": (B, T + 3, N, K), "values": (B, T + 3, N, K)},
        {},
    ),
}  # fmt: skip
"""Name -> the operation, the shapes of its real arguments, and of its complex ones"""
FREE = {("depthwise", "x", 1), ("diagonal", "u", 1), ("s4", "u", 1), ("attention", "q", 1), ("attention", "values", 3),
        ("minimal-rnn", "x", 0), ("projected", "x", 0), ("peephole", "x", 0), ("norm-lstm", "x", 0), ("cfc", "x", 0),
        ("ind-rnn", "x", 1)}  # fmt: skip
"""Axes that are as long as anybody likes"""


def misfits(name: str) -> Iterator[tuple[str, Sizes]]:
    """Every shape that differs from one that fits by an axis that is shorter or longer."""
    _, real, complex_ = OPERATIONS[name]
    for argument, shape in {**real, **complex_}.items():
        for axis, size in enumerate(shape):
            for other in {max(size - 1, 0), size + 1} - {size}:
                may_be_one = other == 1 and (argument in ("keep", "mask", "log_a") or name == "linear")
                if (name, argument, axis) not in FREE and not may_be_one:
                    yield argument, (*shape[:axis], other, *shape[axis + 1 :])


def arguments(name: str) -> dict[str, Tensor]:
    _, real, complex_ = OPERATIONS[name]
    made = {argument: torch.rand(shape) for argument, shape in real.items()}
    return {**made, **{argument: torch.rand(shape) + 0j for argument, shape in complex_.items()}}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_shape_that_does_not_fit_is_refused(name: str):
    operation, given = OPERATIONS[name][0], arguments(name)
    tried = list(misfits(name))
    assert len(tried) > 5
    for argument, shape in tried:
        with pytest.raises((ValueError, RuntimeError)):
            operation(**{**given, argument: torch.zeros(shape, dtype=given[argument].dtype)})


def test_what_has_another_number_of_axes_is_refused():
    with pytest.raises(ValueError, match=r"running_maximum takes a \(B, T, D\).*: b has 2 axes"):
        running_maximum(torch.rand(B, T, D), torch.rand(B, T), torch.rand(B, D))


def test_segments_of_other_sequences_are_refused():
    segments = Segments(torch.ones(B, T + 1, dtype=torch.bool))
    with pytest.raises(ValueError, match="segments are of 2 rows and 7 steps"):
        running_maximum(torch.rand(B, T, D), torch.rand(B, T, D), torch.rand(B, D), segments)
    with pytest.raises(ValueError, match="segments are of 2 rows and 7 steps"):
        linear_recurrence(torch.rand(B, T, D), torch.rand(B, T, D), torch.rand(B, D), segments)


def test_an_axis_is_a_letter_or_made_of_one():
    shapes = Shapes("operation", {"a": "K", "b": "2K+1 3", "c": "K?"})
    shapes.check(torch.ones(4), torch.ones(9, 3), torch.ones(1))
    shapes.check(torch.ones(4), None, torch.ones(4))
    with pytest.raises(ValueError, match="an axis of b is 8 and not 9"):
        shapes.check(torch.ones(4), torch.ones(8, 3), None)
    with pytest.raises(ValueError, match="an axis of a is 4 and not 5"):
        shapes.check(torch.ones(4), None, None, known={"K": 5})
    with pytest.raises(ValueError, match="'K-1' is no axis"):
        Shapes("operation", {"a": "K-1"})
