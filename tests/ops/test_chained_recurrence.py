"""Every form of a recurrence of several products a step against the equation, values and all gradients."""

import pytest
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops.chained_recurrence import FORMS, chained_recurrence
from statewise.ops.chains.cfc import CfCGates, CfCSolution
from statewise.ops.chains.minimal_gated_unit import MinimalGatedUnitGates
from statewise.ops.chains.ode_rnn import ODERNNGates
from statewise.ops.chains.projected_lstm import ProjectedLSTMGates
from statewise.ops.chains.reset_gru import ResetGRUGates
from statewise.ops.compiled.compiler import without_compiled_loops

from .segmented import one_by_one, segments_of

ROWS, WIDTH, WIDE = 5, 6, 9
KINDS = {
    "reset-gru": (ResetGRUGates, 3 * WIDTH, [(2 * WIDTH, WIDTH), (WIDTH, WIDTH)], 0, []),
    "minimal-gated-unit": (MinimalGatedUnitGates, 2 * WIDTH, [(WIDTH, WIDTH), (WIDTH, WIDTH)], 0, []),
    **{
        f"cfc, {'gated' if gated else 'not gated'}, {layers} deep": (
            CfCGates,
            WIDE + 1,
            [(WIDE, WIDTH), *[(WIDE, WIDE)] * (layers - 1), (4 * WIDTH, WIDE)],
            0,
            [(layers - 1, WIDE), (4 * WIDTH,), torch.tensor([gated])],
        )
        for gated, layers in ((1.0, 1), (0.0, 2))
    },
    "cfc, solution": (
        CfCSolution,
        WIDE + 1,
        [(WIDE, WIDTH), (WIDTH, WIDE)],
        0,
        [(0, WIDE), (WIDTH,), torch.linspace(0, 1, WIDTH), (WIDTH,)],
    ),
    "ode-rnn": (
        ODERNNGates,
        3 * WIDTH + 1,
        [(WIDE, WIDTH), (WIDTH, WIDE), (3 * WIDTH, WIDTH)],
        0,
        [(WIDE,), (WIDTH,), (3 * WIDTH,), torch.tensor([[[0.5, 0.2], [0.0, 0.8]]] * 2)],
    ),
    "projected-lstm": (ProjectedLSTMGates, 4 * WIDE, [(4 * WIDE, WIDTH), (WIDTH, WIDE)], WIDE, []),
}
"""Kind of gates, numbers of x, shapes of the matrices, numbers of memory, shapes or values of the gates' own weights"""
CONSTANTS = {(1,), (2, 2, 2)}
"""Shapes of what has no gradient"""
kinds = pytest.mark.parametrize("kind", KINDS)


def draw(shape: tuple[int, ...] | Tensor, seed: int, dtype: torch.dtype) -> Tensor:
    if isinstance(shape, Tensor):
        return 3 * shape.to(dtype)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def example(kind: str, time: int, dtype: torch.dtype = torch.float64, rows: int = ROWS) -> list[Tensor]:
    """x, h, m, the matrices, and the gates' own weights, small enough for no chaos; x does not lie as loops read it."""
    _, inputs, matrices, memory, own = KINDS[kind]
    shapes = [(rows, time, inputs), (rows, WIDTH), (rows, memory), *matrices, *own]
    x, *rest = (draw(shape, seed, dtype) for seed, shape in enumerate(shapes))
    return [x.transpose(0, 1), *(part / 3 for part in rest)]


def run(kind: str, arguments: list[Tensor], segments: Segments | None = None) -> tuple[Tensor, Tensor]:
    gates, _, matrices, _, _ = KINDS[kind]
    x, h, m, *weights = arguments
    return chained_recurrence(gates(*weights[len(matrices) :]), x, weights[: len(matrices)], h, m, segments=segments)


def results(form: str, kind: str, arguments: list[Tensor]) -> list[Tensor]:
    """Outputs, last memory, and the gradients of all arguments but constants under random cotangents of both."""
    leaves = [x.detach().requires_grad_(x.shape not in CONSTANTS) for x in arguments]
    with FORMS.use(form):
        outputs = run(kind, leaves)
    cotangents = [draw(y.shape, seed, y.dtype) for seed, y in enumerate(outputs)]
    wanted = [x for x in leaves if x.requires_grad]
    return [*outputs, *torch.autograd.grad(outputs, wanted, cotangents, materialize_grads=True)]


@kinds
@pytest.mark.parametrize(("time", "rows"), [(1, 5), (2, 1), (7, 5), (65, 9)])
def test_the_compiled_loop_equals_the_equation_with_all_gradients(kind, time, rows):
    arguments = example(kind, time, rows=rows)
    for found, expected in zip(
        results("compiled", kind, arguments), results("reference", kind, arguments), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@kinds
def test_so_it_does_however_tensors_lie(kind):
    turned = [x.mT.contiguous().mT if x.dim() > 1 else x for x in example(kind, 7)]
    for found, expected in zip(results("compiled", kind, turned), results("reference", kind, turned), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@kinds
@pytest.mark.parametrize("form", ["reference", "compiled"])
def test_segments_equal_rows_of_their_own_with_all_gradients(kind, form):
    leaves = [x.detach().requires_grad_(x.shape not in CONSTANTS) for x in example(kind, 9)]
    x, h, m, *weights = leaves

    def alone(x, state):
        y, m = run(kind, [x.transpose(0, 1), *state, *weights])
        return y.transpose(0, 1), (y[-1], m)

    with FORMS.use("reference"):
        y, (_, last) = one_by_one(alone, [x.transpose(0, 1)], (h, m), segments_of(ROWS, 9))
    with FORMS.use(form):
        found = run(kind, leaves, segments_of(ROWS, 9))
    cotangents = [draw(y.shape, seed, y.dtype) for seed, y in enumerate(found)]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    both = found, (y.transpose(0, 1), last)
    gradients = (torch.autograd.grad(of, wanted, cotangents, materialize_grads=True) for of in both)
    for one, other in (*zip(*both, strict=True), *zip(*gradients, strict=True)):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["reset-gru", "projected-lstm"])
def test_nothing_passes_into_a_segment_that_is_not_a_number(kind):
    """Not from the steps before, nor from the row's state; without gradients, where less is kept, as with them."""
    arguments, segments = example(kind, 9), segments_of(ROWS, 9)
    x, h, m, *_ = arguments
    x.requires_grad_()
    clean = run(kind, arguments, segments)[0][4:, 1]
    expected = torch.autograd.grad(clean.sum(), x)[0][4:, 1]
    x.data[:4, 1], h[1], m[1] = float("nan"), float("nan"), float("nan")
    y, _ = run(kind, arguments, segments)
    assert y[:4, 1].isnan().all()
    assert torch.equal(y[4:, 1], clean)
    assert torch.equal(torch.autograd.grad(y[4:, 1].sum(), x)[0][4:, 1], expected)
    with torch.no_grad():
        assert torch.equal(run(kind, arguments, segments)[0][4:, 1], clean)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "2 deep" not in kind])
def test_in_single_precision_too(kind):
    exact = results("reference", kind, example(kind, 16))
    for found, expected in zip(results("compiled", kind, example(kind, 16, torch.float32)), exact, strict=True):
        assert found.dtype == torch.float32
        assert (found - expected).norm() <= 1e-5 * expected.norm()


@kinds
def test_what_stood_in_its_buffers_is_nothing_to_it(kind, monkeypatch):
    """Buffers that are full of NaN, and less of them where nothing goes back: the numbers are the same."""
    arguments = example(kind, 7)
    expected = results("compiled", kind, arguments)
    monkeypatch.setattr(Tensor, "new_empty", lambda self, *shape: self.new_full(_shape(shape), float("nan")))
    monkeypatch.setattr(torch, "empty_like", lambda x: torch.full_like(x, float("nan")))
    for found, other in zip(results("compiled", kind, arguments), expected, strict=True):
        assert torch.equal(found, other)
    with torch.no_grad(), FORMS.use("compiled"):
        for found, other in zip(run(kind, arguments), expected, strict=False):
            assert torch.equal(found, other)


def _shape(shape):
    return shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape


@kinds
def test_a_row_that_is_not_a_number_stays_alone(kind):
    arguments = example(kind, 7)
    before, _ = run(kind, arguments)
    arguments[0][3:, 1] = float("nan")
    after, _ = run(kind, arguments)
    others = [0, 2, 3, 4]
    assert torch.equal(after[:, others], before[:, others])
    assert torch.equal(after[:3, 1], before[:3, 1])
    assert after[3:, 1].isnan().all()


def test_what_the_loop_has_not_is_refused_rather_than_wrong():
    leaves = [x.requires_grad_() for x in example("reset-gru", 3)]
    with FORMS.use("compiled"):
        y, _ = run("reset-gru", leaves)
    with pytest.raises(RuntimeError, match="first derivatives alone"):
        torch.autograd.grad(y.sum(), leaves[3], create_graph=True)


def test_the_rule_says_when_the_equation_runs():
    gates, x, h, m, *weights = ResetGRUGates(), *example("reset-gru", 3)
    assert FORMS.rule(gates, x, weights, h, m) == "compiled"
    assert FORMS.rule(gates, x, [weight.float() for weight in weights], h, m) == "reference"
    assert FORMS.rule(gates, *(x.bfloat16(), [weight.bfloat16() for weight in weights], h.bfloat16(), m)) == "reference"
    with without_compiled_loops():
        assert FORMS.rule(gates, x, weights, h, m) == "reference"
