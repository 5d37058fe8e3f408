"""Newton's method over all states of a sequence at once. Experimental, never a default.

Lim, Zhu, Selfridge & Kasim 2024, "Parallelizing non-linear sequential models over the sequence length" (DEER), and
Danieli et al. 2025, "ParaRNN", arXiv 2510.21450. The states s_1 ... s_T are the root of s_t - f(x_t, s_{t-1}); from a
guess s, with J_t = df/ds at s_{t-1}, the next one s' solves a linear recurrence, which runs in parallel:

    s'_t = f(x_t, s_{t-1}) + J_t (s'_{t-1} - s_{t-1}),   s'_0 = s_0

J_t is taken as blocks on its diagonal: single numbers, pairs (complex numbers), or in full, if n <= 64. Whole numbers
in a state (counters, seeds) have no derivative: J_t is 0 for them, the first guess lets them go on as they began, and
at the root they are exactly what f makes of those before at every step: the loop's, whatever they depend on.

Whether that settles quickly depends on the largest Lyapunov exponent: it ought to be below 0 (Gonzalez et al. 2025,
"Predictability enables parallelization of nonlinear state space models", arXiv 2508.16817).

Gradients are those of one more such step from the root found, which is held constant, as are its J_t: at the root
they are the loop's, and their backward pass is one linear recurrence too. There are first derivatives alone.
"""

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from statewise import probe, tree
from statewise.contract import Input, SequenceLayer, example_input, slice_time, take_step, values_of
from statewise.contract.fitting import input_misfit, is_sequence
from statewise.errors import UserError, choose
from statewise.parallel.block_recurrence import block_recurrence, times
from statewise.parallel.search import Root, Search, find_root, preceded, rows_of
from statewise.parallel.transition import Structure, Transition
from statewise.parallel.vectors import Parts, StateVectors
from statewise.tree import State

Jacobian = Literal["auto", "diagonal", "pairs", "full"]
SIZES: dict[Jacobian, tuple[int, ...]] = {"auto": (1, 2), "diagonal": (1,), "pairs": (2,), "full": ()}
"""The blocks, smaller than all of it, that are looked for"""
WIDEST = 64
"""The widest state, clocks not counted, whose Jacobians are taken in full: n^2 numbers, n^3 multiplications a step"""
PROBED = 8
"""States at which the Jacobian's structure is looked at"""


class ParallelRun(NamedTuple):
    """What a sequence came to, and how."""

    outputs: Tensor
    """(B, T, d_out)"""
    state: State
    """after the last step"""
    iterations: Tensor
    """(B,) int64: linear recurrences solved until the residual was met"""
    residual: Tensor
    """(B,): max |s_t - f(x_t, s_{t-1})| / max |f| of the worst leaf, the last that Newton's method saw; NaN where it
    was not tried. Rows above the tolerance, NaN, or told of in ``fallback`` are the layer's own."""
    lyapunov: Tensor
    """(B,): the estimate of the largest Lyapunov exponent made beforehand; NaN where nothing was differentiated"""
    jacobian: Structure | None
    """how it was taken; ``None`` where nothing was differentiated"""
    fallback: str | None
    """why all or some rows were left to the layer's own forward; ``None`` if none were"""


def newton_in_time(
    layer: SequenceLayer,
    x: Input,
    state: State | None = None,
    *,
    jacobian: Jacobian = "auto",
    max_iterations: int = 32,
    tolerance: float | None = None,
    exponent_bound: float = 0.0,
) -> ParallelRun:
    """What ``layer(x, state)`` returns, from all time steps at once where that can be had. Experimental.

    It pays, if anywhere, on a device with more lanes than the batch fills: see ``benchmarks/parallel_in_time.py``.
    What it cannot do is left to the layer's own forward, which is the loop over ``step`` or equal to it, row by row:
    states wider than 64 whose Jacobian is neither diagonal nor of pairs, steps that ``torch.func`` does not
    differentiate, rows with an exponent above the bound, rows whose residual is not met or whose whole numbers are not
    found, rows in which a Jacobian is not of the structure that it looked to be.

    Args:
        layer: any.
        x: ``(B, T, d_in)``, tokens ``(B, T)``, or ``Timed`` of either.
        state: where the rows stand; ``None`` is ``initial_state(B)``.
        jacobian: whether a state's numbers depend on themselves alone (``diagonal``) or two and two on each other
            (``pairs``: the 1st and 2nd, the 3rd and 4th ...): these insist, ``auto`` looks, ``full`` takes it in full
            whatever it is. What looks so is held to it at every step of what was found.
        max_iterations: bound on the linear recurrences solved for a row.
        tolerance: of the residual; ``None`` is the machine epsilon of the state's coarsest leaf to the power of 3/4,
            6e-6 in float32.
        exponent_bound: rows with an estimate above it, by more than 1 / (steps that it is a mean over), at most 16, are
            not tried; ``math.inf`` tries all. Clocks, as the time a row has seen, have the exponent 0.

    Raises:
        ValueError: as ``layer(x, state)`` does.
        UserError: if ``jacobian`` is unknown or insists on what is not so; if ``max_iterations`` < 1.

    >>> from statewise.layers.recurrent.gru import GRU
    >>> run = newton_in_time(GRU(input_size=3, hidden_size=4), torch.randn(2, 100, 3))
    >>> run.outputs.shape, run.fallback
    (torch.Size([2, 100, 4]), None)
    """
    choose("jacobian", jacobian, get_args(Jacobian))
    if max_iterations < 1:
        raise UserError(f"max_iterations must be at least 1, got {max_iterations}")
    if not is_sequence(layer.input_form, values_of(x)):
        raise ValueError(input_misfit(layer, values_of(x), 2))
    x = layer.as_read(x, axes=2)
    _, start = layer(slice_time(x, 0, 0), state)
    step = _transition(layer, x, start, jacobian)
    if isinstance(step, str):
        return _by_layer_alone(layer, x, start, step)
    if tolerance is None:
        tolerance = step.vectors.epsilon**0.75
    root = find_root(step, x, start, Search(max_iterations, tolerance, exponent_bound))
    if jacobian not in ("auto", "full") and bool(root.mistaken.any()):
        raise UserError(f"the Jacobian of {type(layer).__name__} is not {jacobian} at every step; pass jacobian='full'")
    outputs, after = _joined(step, x, start, root)
    return ParallelRun(outputs, after, root.iterations, root.residual, root.exponent, step.structure, root.reason)


def _transition(layer: SequenceLayer, x: Input, start: State, jacobian: Jacobian) -> Transition | str:
    """The layer's step with its Jacobian, or in words, why it is not to be had."""
    if not values_of(x)[..., :1].numel():
        return "there is no step to take"
    if probe.is_recording():
        return "side outputs are being recorded, which only the loop over step does"
    try:
        vectors = StateVectors(start)
    except ValueError as error:
        return str(error)
    try:
        block, clocks = _looked_at(Transition(layer, vectors, block=1), start, jacobian)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, NotImplementedError) as error:
        return f"torch.func does not differentiate its step: {str(error).splitlines()[0]}"
    width = vectors.width - int(clocks.sum())
    if block == vectors.width and width > WIDEST:
        return f"its Jacobian is to be taken in full, and its state is {width} numbers wide, more than {WIDEST}"
    return Transition(layer, vectors, block=block, clocks=clocks)


@torch.no_grad()
def _looked_at(step: Transition, start: State, jacobian: Jacobian) -> tuple[int, Tensor]:
    """The size of the Jacobian's blocks, and the clocks, at random states and inputs; those at hand may saturate."""
    inputs = take_step(example_input(step.layer, batch=PROBED, time=1), 0)
    width, whole = step.vectors.width, step.vectors.parts(start).whole
    real = torch.randn(PROBED, width, generator=torch.Generator().manual_seed(0))
    first = torch.zeros(PROBED, dtype=torch.int64)
    states = Parts(real.to(step.layer.device, step.vectors.dtype), tree.take(whole, first))
    sizes = [size for size in SIZES[jacobian] if width % size == 0]
    block = next((size for size in sizes if bool(step.has_blocks(inputs, states, size).all())), None)
    if block is None and jacobian not in ("auto", "full"):
        name = type(step.layer).__name__
        raise UserError(f"the Jacobian of {name} is not {jacobian}; pass jacobian='auto' or 'full'")
    block, clocks = block or width, step.find_clocks(inputs, states)
    if block == width <= WIDEST:
        Transition(step.layer, step.vectors, block=block).linearised(inputs, states)
    return block, clocks


def _by_layer_alone(layer: SequenceLayer, x: Input, start: State, reason: str) -> ParallelRun:
    outputs, after = layer(x, start)
    unknown = torch.full((len(outputs),), torch.nan, device=outputs.device)
    return ParallelRun(outputs, after, torch.zeros_like(unknown, dtype=torch.int64), unknown, unknown, None, reason)


def _joined(step: Transition, x: Input, start: State, root: Root) -> tuple[Tensor, State]:
    """Outputs and last state of all rows: those of the root, and by the layer those without one."""
    found, others = root.met.nonzero().flatten(), (~root.met).nonzero().flatten()
    parts = []
    if len(found):
        rows = tree.take(root.states, found), root.jacobians[found]
        parts.append(_differentiable(step, tree.take(x, found), tree.take(start, found), *rows))
    if len(others):
        parts.append(step.layer(tree.take(x, others), tree.take(start, others)))
    place = torch.cat([found, others]).argsort()
    outputs = torch.cat([outputs for outputs, _ in parts])
    return outputs[place], tree.take(tree.cat([state for _, state in parts]), place)


def _differentiable(step: Transition, x: Input, start: State, states: Parts, jacobians: Tensor) -> tuple[Tensor, State]:
    """Outputs and last state of a root, with its gradients: a Newton step from constants, then a plain one."""
    batch, time = states.real.shape[:2]
    inputs, s_0 = rows_of(x), step.vectors.parts(start)
    before = preceded(tree.detach(s_0), states)
    values = step(inputs, rows_of(before)).real.unflatten(0, (batch, time))
    refined = block_recurrence(jacobians, values - times(jacobians, before.real), s_0.real)
    again = preceded(s_0, Parts(refined, states.whole))
    outputs, after = step.layer.step(inputs, step.vectors.state(rows_of(again)))
    last = tree.map(lambda leaf: leaf.unflatten(0, (batch, time))[:, -1], after)
    return outputs.unflatten(0, (batch, time)), last
