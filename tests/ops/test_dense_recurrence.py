import math

import numpy as np
import pytest
import torch
from torch import nn

from statewise.ops.compiled import elementary
from statewise.ops.compiled.compiler import jit
from statewise.ops.dense_recurrence import FORMS, dense_recurrence
from statewise.ops.gates.coupled_lstm import CoupledLSTMGates
from statewise.ops.gates.dropped_lstm import DroppedLSTMGates
from statewise.ops.gates.gru import GRUGates
from statewise.ops.gates.lstm import LSTMGates
from statewise.ops.gates.minimal_rnn import MinimalRNNGates
from statewise.ops.gates.modrelu import ModReLUGates
from statewise.ops.gates.norm_gru import NormGRUGates
from statewise.ops.gates.norm_lstm import NormLSTMGates
from statewise.ops.gates.peephole_lstm import PeepholeLSTMGates
from statewise.ops.gates.phased_lstm import PhasedLSTMGates
from statewise.ops.gates.rnn import ReluGates, TanhGates

from .segmented import one_by_one, segments_of

ROWS, WIDTH = 5, 6
NORMS = {"layer": torch.ones(1), "rms": torch.zeros(1)}
KINDS = {
    "lstm": (LSTMGates, []),
    "peephole-lstm": (PeepholeLSTMGates, [(3, WIDTH)]),
    "phased-lstm": (PhasedLSTMGates, [(3, WIDTH)]),
    "coupled-lstm": (CoupledLSTMGates, []),
    "dropped-lstm": (DroppedLSTMGates, [torch.full((1,), 1.25)]),
    **{
        f"{name}-norm-lstm": (NormLSTMGates, [(4, WIDTH), (WIDTH,), (WIDTH,), centred])
        for name, centred in NORMS.items()
    },
    "gru": (GRUGates, []),
    **{f"{name}-norm-gru": (NormGRUGates, [(3, WIDTH), (WIDTH,), centred]) for name, centred in NORMS.items()},
    "tanh": (TanhGates, []),
    "relu": (ReluGates, []),
    "modrelu": (ModReLUGates, [(WIDTH,)]),
    "minimal-rnn": (MinimalRNNGates, []),
}
"""Kind of gates, and the shapes of their weights or constants in their place"""
INPUTS = {"minimal-rnn": 2, "phased-lstm": 5}
"""Vectors of x, where there are others than of u"""
SHARES = {"phased-lstm": 4}
"""Which vector of x is a share, in [0, 1]"""
PEERS = {"lstm": nn.LSTM, "gru": nn.GRU, "tanh": nn.RNN}
kinds = pytest.mark.parametrize("kind", KINDS)


def example(kind: str, time: int, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    """x, U, b, h, m, and the gates' own weights."""
    gates, own = KINDS[kind]
    g = torch.Generator().manual_seed(time)
    products = gates.sizes().products
    shapes = [
        (time, ROWS, INPUTS.get(kind, products), WIDTH),
        (products * WIDTH, WIDTH),
        (products * WIDTH,),
        (ROWS, WIDTH),
        (ROWS, gates.sizes().memory, WIDTH),
    ]

    def draw(shape: tuple[int, ...] | torch.Tensor) -> torch.Tensor:
        if isinstance(shape, torch.Tensor):
            return shape.to(dtype)
        return torch.randn(shape, generator=g, dtype=torch.float64).to(dtype).requires_grad_()

    arguments = [draw(shape) for shape in (*shapes, *own)]
    if kind in SHARES:
        arguments[0].data[:, :, SHARES[kind]].sigmoid_()
    return arguments


def run(kind: str, arguments: list[torch.Tensor], **options: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return dense_recurrence(KINDS[kind][0](*arguments[5:]), *arguments[:5], **options)


def results(form: str, kind: str, arguments: list[torch.Tensor], **options: torch.Tensor) -> list[torch.Tensor]:
    """Outputs, last memory, and the gradients of all arguments under random cotangents of both."""
    with FORMS.use(form):
        outputs = run(kind, arguments, **options)
    g = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(y.shape, generator=g, dtype=torch.float64).to(y.dtype) for y in outputs]
    return [*outputs, *torch.autograd.grad(outputs, [x for x in arguments if x.requires_grad], cotangents)]


def noise(kind: str, time: int, shared_steps: bool, shared_rows: bool) -> dict[str, torch.Tensor]:
    vectors = 1 + KINDS[kind][0].sizes().memory
    g = torch.Generator().manual_seed(2)
    keep = torch.rand(1 if shared_steps else time, 1 if shared_rows else ROWS, vectors, WIDTH, generator=g)
    mask = torch.rand(1 if shared_rows else ROWS, WIDTH, generator=g).round() * 2
    return {"keep": keep.double(), "mask": mask.double()}


@kinds
@pytest.mark.parametrize("time", [1, 2, 7, 65])
def test_the_compiled_loop_equals_the_equation_with_all_gradients(kind, time):
    arguments = example(kind, time)
    for found, expected in zip(
        results("compiled", kind, arguments), results("reference", kind, arguments), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@kinds
def test_so_it_does_however_tensors_lie(kind):
    turned = [
        x.detach().mT.contiguous().mT.requires_grad_(x.requires_grad) if x.dim() > 1 else x for x in example(kind, 7)
    ]
    for found, expected in zip(results("compiled", kind, turned), results("reference", kind, turned), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@kinds
@pytest.mark.parametrize(("shared_steps", "shared_rows"), [(False, False), (True, False), (False, True), (True, True)])
def test_so_it_does_where_values_are_kept_and_masked(kind, shared_steps, shared_rows):
    arguments, options = example(kind, 7), noise(kind, 7, shared_steps, shared_rows)
    for found, expected in zip(
        results("compiled", kind, arguments, **options), results("reference", kind, arguments, **options), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("form", ["reference", "compiled"])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_segments_equal_rows_of_their_own_with_all_gradients(kind, form, kept):
    arguments, segments = example(kind, 9), segments_of(ROWS, 9)
    options = noise(kind, 9, shared_steps=True, shared_rows=True) if kept else {}
    x, weight, bias, h, m = arguments

    def alone(x, state):
        y, m = run(kind, [x.transpose(0, 1), weight, bias, *state], **options)
        return y.transpose(0, 1), (y[-1], m)

    with FORMS.use("reference"):
        y, (_, last) = one_by_one(alone, [x.transpose(0, 1)], (h, m), segments)
    with FORMS.use(form):
        found = run(kind, arguments, segments=segments, **options)
    g = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(y.shape, generator=g, dtype=torch.float64) for y in found]
    for outputs in zip(found, (y.transpose(0, 1), last), strict=True):
        torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-10)
    for gradients in zip(
        *(torch.autograd.grad(outputs, arguments, cotangents) for outputs in (found, (y.transpose(0, 1), last))),
        strict=True,
    ):
        torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_rows_that_begin_anew_before_the_first_step_are_those_of_an_empty_state_with_all_gradients(kind):
    anew = segments_of(ROWS, 9).by_step.clone()
    anew[0, 2:4] = True
    arguments = example(kind, 9)
    emptied = [torch.where(anew[0].view(-1, *[1] * (part.dim() - 1)), 0, part) for part in arguments[3:5]]
    later = anew.clone()
    later[0] = False
    with FORMS.use("reference"):
        expected = run(kind, [*arguments[:3], *emptied], segments=later)
    g = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(y.shape, generator=g, dtype=torch.float64) for y in expected]
    gradients = torch.autograd.grad(expected, arguments, cotangents)
    for form in ("reference", "compiled"):
        found = results(form, kind, arguments, segments=anew)
        for one, other in zip(found, [*expected, *gradients], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_nothing_passes_into_a_segment_that_is_not_a_number():
    arguments, segments = example("lstm", 9), segments_of(ROWS, 9)
    clean = run("lstm", arguments, segments=segments)[0][4:, 1]
    expected = torch.autograd.grad(clean.sum(), arguments[0])[0][4:, 1]
    arguments[0].data[:4, 1], arguments[3].data[1], arguments[4].data[1] = math.nan, math.nan, math.nan
    y, _ = run("lstm", arguments, segments=segments)
    assert y[:4, 1].isnan().all()
    assert torch.equal(y[4:, 1], clean)
    assert torch.equal(torch.autograd.grad(y[4:, 1].sum(), arguments[0])[0][4:, 1], expected)


@kinds
def test_in_single_precision_too(kind):
    arguments = example(kind, 64, torch.float32)
    exact = results("reference", kind, example(kind, 64))
    for found, expected in zip(results("compiled", kind, arguments), exact, strict=True):
        assert found.dtype == torch.float32
        error = (found - expected).norm() / expected.norm().clamp(min=1e-9) if expected.numel() else torch.zeros(())
        assert error < 1e-5


@pytest.mark.parametrize("kind", PEERS)
@pytest.mark.parametrize("form", ["compiled", "reference"])
def test_it_equals_torch(kind, form):
    gates, vectors = KINDS[kind][0](), KINDS[kind][0].sizes().products
    module = PEERS[kind](3, WIDTH, dtype=torch.float64)
    x = torch.randn(7, ROWS, 3, dtype=torch.float64)
    weight, u, bias, bias_u = module.parameters()
    projected = nn.functional.linear(x, weight, bias).unflatten(2, (vectors, WIDTH))
    start = torch.zeros(ROWS, WIDTH, dtype=torch.float64)
    with FORMS.use(form):
        y, _ = dense_recurrence(gates, projected, u, bias_u, start, start.new_zeros(ROWS, gates.sizes().memory, WIDTH))
    torch.testing.assert_close(y, module(x)[0], rtol=1e-12, atol=1e-12)


@kinds
def test_without_gradients_the_numbers_are_the_same(kind):
    arguments = example(kind, 7)
    with FORMS.use("compiled"), torch.no_grad():
        found = run(kind, arguments)
    for one, other in zip(found, results("compiled", kind, arguments), strict=False):
        assert torch.equal(one, other)


@kinds
def test_a_row_that_is_not_a_number_stays_alone(kind):
    arguments = [x.detach() for x in example(kind, 7)]
    before, _ = run(kind, arguments)
    arguments[0][3:, 1] = float("nan")
    after, _ = run(kind, arguments)
    others = [0, 2, 3, 4]
    assert torch.equal(after[:, others], before[:, others])
    assert torch.equal(after[:3, 1], before[:3, 1])
    assert after[3:, 1].isnan().all()


@pytest.mark.parametrize("options", [{"create_graph": True}, {"is_grads_batched": True}])
def test_what_the_loop_has_not_is_refused_rather_than_wrong(options):
    arguments = example("gru", 3)
    y, _ = run("gru", arguments)
    cotangents = torch.ones_like(y)
    if "is_grads_batched" in options:
        cotangents = torch.stack([cotangents, cotangents])
    with pytest.raises(RuntimeError, match=r"first derivatives alone|Batching rule not implemented"):
        torch.autograd.grad(y, arguments[1], cotangents, **options)
    with FORMS.use("reference"):
        y, _ = run("gru", arguments)
        torch.autograd.grad(y, arguments[1], cotangents, **options)


@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (elementary.exp, math.exp),
        (elementary.expm1, math.expm1),
        (elementary.sigmoid, None),
        (elementary.tanh, math.tanh),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_elementary_functions(function, exact, dtype):
    exact = exact or (lambda x: 1 / (1 + math.exp(-x)))
    x = np.concatenate([np.linspace(-30, 30, 4001), [0.0, 1e-8, -1e-8, 0.625, -0.625]]).astype(dtype)
    found = _each(function)(x)
    expected = np.array([exact(float(value)) for value in x])
    np.testing.assert_allclose(found, expected, rtol=3e-7 if dtype == np.float32 else 1e-15, atol=1e-12)
    assert np.isnan(_each(function)(np.array([np.nan], dtype)))[0]
    ends = _each(function)(np.array([-np.inf, np.inf], dtype))
    assert ends[0] == pytest.approx(-1.0 if function in (elementary.expm1, elementary.tanh) else 0.0, abs=1e-37)
    assert ends[1] == 1.0 or ends[1] > 1e38


def _each(function):
    from statewise.ops.compiled import plugs  # noqa: F401  numba learns the functions there

    @jit
    def each(x):
        y = np.empty_like(x)
        for i in range(x.shape[0]):
            y[i] = function(x[i])
        return y

    return each
