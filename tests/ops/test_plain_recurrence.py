"""Every form of the plain recurrences against torch's modules and each other, and which of them runs."""

import pytest
import torch
from torch import Tensor, nn

from statewise.contract import Segments
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN
from statewise.ops.compiled.compiler import without_compiled_loops
from statewise.ops.dense_recurrence import FORMS as DENSE
from statewise.ops.gates.gru import GRUGates
from statewise.ops.gates.lstm import LSTMGates
from statewise.ops.gates.rnn import ReluGates, TanhGates
from statewise.ops.plain_recurrence import CUT, FORMS, LIGHT, LONG, plain_recurrence

from .segmented import one_by_one, segments_of

B, T, D, H = 5, 9, 3, 6
KINDS = {
    "lstm": (LSTMGates(), lambda: nn.LSTM(D, H, dtype=torch.float64)),
    "gru": (GRUGates(), lambda: nn.GRU(D, H, dtype=torch.float64)),
    "tanh": (TanhGates(), lambda: nn.RNN(D, H, dtype=torch.float64)),
    "relu": (ReluGates(), lambda: nn.RNN(D, H, nonlinearity="relu", dtype=torch.float64)),
}
kinds = pytest.mark.parametrize("kind", KINDS)
forms = pytest.mark.parametrize("form", FORMS.names)
DRAWN = torch.Generator().manual_seed(0)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=DRAWN, dtype=torch.float64).requires_grad_()


def example(kind: str) -> tuple[nn.RNNBase, list[Tensor]]:
    """Torch's module, and x, W, U, b_W, b_U, h, and c where there is one."""
    module = KINDS[kind][1]()
    return module, [drawn(B, T, D), *module.parameters(), *(drawn(B, H) for _ in range(1 + (kind == "lstm")))]


def run(kind: str, arguments: list[Tensor], segments: Segments | None = None) -> tuple[Tensor, ...]:
    """All outputs, and the state after them."""
    x, *weights = arguments[:5]
    y, after = plain_recurrence(KINDS[kind][0], x, weights, tuple(arguments[5:]), segments=segments)
    return y, *after


def gradients(outputs: tuple[Tensor, ...], arguments: list[Tensor]) -> tuple[Tensor, ...]:
    """Of all arguments, under cotangents of all outputs that are no two alike."""
    loss = sum((y * torch.linspace(1, 2, max(1, y.numel())).view_as(y)).sum() for y in outputs if y.numel())
    return torch.autograd.grad(loss, arguments, materialize_grads=True)


def agree(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> None:
    for found, expected in zip(one, other, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@kinds
@forms
def test_every_form_serves_and_equals_torch_with_all_gradients(kind, form):
    module, arguments = example(kind)
    start = [leaf.unsqueeze(0) for leaf in arguments[5:]]
    module.batch_first = True
    y, after = module(arguments[0], tuple(start) if len(start) > 1 else start[0])
    last = [leaf.squeeze(0) for leaf in (after if kind == "lstm" else [after])]
    with FORMS.use(form):
        found = run(kind, arguments)
    agree(found, (y, *last))
    agree(gradients(found, arguments), gradients((y, *last), arguments))


@kinds
@forms
def test_every_form_takes_segments(kind, form):
    _, arguments = example(kind)
    segments = segments_of(B, T)

    def alone(x, state):
        y, *after = run(kind, [x, *arguments[1:5], *state])
        return y, tuple(after)

    with FORMS.use("reference"):
        y, last = one_by_one(alone, [arguments[0]], tuple(arguments[5:]), segments)
    with FORMS.use(form):
        found = run(kind, arguments, segments)
    agree(found, (y, *last))
    agree(gradients(found, arguments), gradients((y, *last), arguments))


@pytest.mark.parametrize(("kind", "layer"), [("lstm", LSTM), ("gru", GRU), ("tanh", RNN)])
@forms
def test_a_layer_runs_the_form_that_is_in_use(kind, layer, form, monkeypatch):
    ran, right = [], FORMS._forms[form]
    monkeypatch.setitem(FORMS._forms, form, lambda *arguments: ran.append(form) or right(*arguments))
    layer = layer(input_size=D, hidden_size=H)
    expected, _ = layer(torch.ones(B, T, D))
    ran.clear()
    with FORMS.use(form):
        found, _ = layer(torch.ones(B, T, D))
    assert ran == [form]
    torch.testing.assert_close(found, expected)


def choice(gates, time: int = T, rows: int = B, width: int = H, segments: Segments | None = None) -> str:
    h, r = torch.zeros(rows, width), gates.sizes().products * width
    weights = [torch.zeros(r, D), torch.zeros(r, width), torch.zeros(r), torch.zeros(r)]
    state = (h,) * (1 + gates.sizes().memory)
    return FORMS.rule(gates, torch.zeros(rows, time, D), weights, state, False, segments)


def test_the_rule_is_what_was_measured():
    wide = int(LIGHT**0.5) + 1
    assert [choice(gates, time=99) for gates in (GRUGates(), TanhGates(), LSTMGates())] == ["dense", "dense", "torch"]
    assert choice(GRUGates(), time=99, rows=1, width=wide) == "torch"
    with without_compiled_loops():
        assert choice(GRUGates(), time=99) == "torch"


@pytest.mark.parametrize("gates", [GRUGates(), TanhGates(), ReluGates()], ids=lambda gates: type(gates).__name__)
@pytest.mark.parametrize("training", [True, False])
def test_few_steps_are_torch_s(gates, training: bool):
    with torch.set_grad_enabled(training):
        enough = LONG[type(gates)][0 if training else 1]
        assert [choice(gates, time=steps) for steps in (1, enough - 1, enough)] == ["torch", "torch", "dense"]


def test_where_torch_s_kernel_would_be_cut_the_compiled_loop_runs_but_for_many_steps_of_an_lstm():
    cut, many = segments_of(B, T), CUT // (B * H) + 1
    for gates in (LSTMGates(), GRUGates(), TanhGates()):
        assert choice(gates, segments=cut) == "dense"
        with torch.no_grad():
            assert choice(gates, segments=cut) == "dense"
    assert choice(LSTMGates(), time=many, segments=segments_of(B, many)) == "dense"
    with torch.no_grad():
        assert choice(LSTMGates(), time=many, segments=segments_of(B, many)) == "torch"


def test_a_form_of_the_dense_recurrence_that_is_asked_for_is_run_by_plain_layers_too():
    with DENSE.use("reference"):
        assert choice(LSTMGates()) == "dense"
    x = torch.randn(2, 3, D)
    with DENSE.use("reference"):
        assert "Stack" in str(LSTM(input_size=D, hidden_size=H)(x)[0].grad_fn.next_functions[0][0])


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")
def test_under_tangents_and_maps_the_equation_runs():
    layer, x = LSTM(input_size=D, hidden_size=H), torch.randn(2, 3, D)
    _, tangents = torch.func.jvp(lambda x: layer(x)[0], (x,), (torch.ones_like(x),))
    mapped = torch.func.vmap(lambda row: layer(row.unsqueeze(0))[0].squeeze(0))(x)
    step = 1e-3
    nearby = (layer(x + step)[0] - layer(x - step)[0]) / (2 * step)
    torch.testing.assert_close(tangents, nearby, rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(mapped, layer(x)[0])
