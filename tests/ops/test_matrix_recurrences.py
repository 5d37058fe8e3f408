"""Recurrences with a matrix for a state: the linear one, with a decay a head or a key channel, and the delta rule."""

import numpy as np
import pytest
import torch
from torch import Tensor

from statewise.contract.segments import Segments
from statewise.ops import delta_rule as delta
from statewise.ops import matrix_recurrence as linear

from .segmented import one_by_one

TORCH_WARNS = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
"""At its first tangent"""
B, N, K, V = 2, 3, 4, 5
KINDS = ("decay a head", "decay a channel", "delta rule")


def example(kind: str, time: int) -> list[Tensor]:
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    log_a = -normal(B, time, N, K if kind == "decay a channel" else 1).square()
    state = normal(B, N, K, V)
    q, k, v = normal(B, time, N, K), normal(B, time, N, K), normal(B, time, N, V)
    if kind != "delta rule":
        return [q, k, v, log_a, state]
    b = torch.rand(B, time, N, 1, generator=g, dtype=torch.float64) * 2
    return [q, k / k.norm(dim=-1, keepdim=True), v, log_a, b, state]


def operation(kind: str):
    return delta.delta_rule if kind == "delta rule" else linear.matrix_recurrence


def reference(kind: str):
    return (delta if kind == "delta rule" else linear).reference


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "CHUNK", 3)
    monkeypatch.setattr(linear, "CHUNK_OF_CHANNELS", 3)
    monkeypatch.setattr(delta, "CHUNK", 3)


def by_hand(kind: str, arguments: list[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """The equation with matrices, a row and a head at a time."""
    q, k, v, log_a, *more, state = (x.numpy() for x in arguments)
    y, state = np.zeros_like(v), state.copy()
    for row, t, n in np.ndindex(*v.shape[:3]):
        key, kept = k[row, t, n], np.diag(np.broadcast_to(np.exp(log_a[row, t, n]), (K,)))
        gain = more[0][row, t, n, 0] if more else 1.0
        if more:
            kept = kept @ (np.eye(K) - gain * np.outer(key, key))
        state[row, n] = kept @ state[row, n] + gain * np.outer(key, v[row, t, n])
        y[row, t, n] = q[row, t, n] @ state[row, n]
    return y, state


@pytest.mark.parametrize("time", [1, 2, 3, 16, 33, 70])
def test_every_form_equals_the_equation_number_by_number(kind, time):
    arguments = example(kind, time)
    for form in (operation(kind), reference(kind)):
        for found, expected in zip(form(*arguments), by_hand(kind, arguments), strict=True):
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("log_a", [0.0, -1e-9, -30.0, -1e4, float("-inf")])
def test_no_decay_and_decays_that_leave_nothing_are_as_exact_as_others(kind, log_a):
    """A product of 40 decays of exp(-30) is no number at all, and still the last of them can be told."""
    arguments = example(kind, 40)
    arguments[3][:, 5:30:2] = log_a
    for found, expected in zip(operation(kind)(*arguments), by_hand(kind, arguments), strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10, atol=1e-12)


def test_float32_stays_near_float64_over_strong_and_weak_decays(kind):
    arguments = example(kind, 300)
    arguments[3][:, ::7] = -500.0
    for found, expected in zip(operation(kind)(*(x.float() for x in arguments)), by_hand(kind, arguments), strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("_short_chunks")
def test_gradients_are_the_derivatives_the_second_too(kind):
    arguments = [x.requires_grad_() for x in example(kind, 7)]
    assert torch.autograd.gradcheck(operation(kind), arguments, fast_mode=True)
    assert torch.autograd.gradgradcheck(operation(kind), arguments, fast_mode=True)


def test_chunks_change_no_gradient(kind):
    def gradients(form) -> tuple[Tensor, ...]:
        arguments = [x.requires_grad_() for x in example(kind, 70)]
        y, state = form(*arguments)
        return torch.autograd.grad(y.square().sum() + state.square().sum(), arguments)

    for found, expected in zip(gradients(operation(kind)), gradients(reference(kind)), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("_short_chunks")
@pytest.mark.parametrize("spoilt", range(5))
def test_what_is_not_finite_reaches_neither_the_past_nor_other_rows_and_heads(kind, spoilt):
    arguments = example(kind, 8)
    clean, clean_state = operation(kind)(*arguments)
    arguments[spoilt if spoilt < 4 else -2][1, 4, 2] = float("nan")
    leaves = [x.requires_grad_() for x in arguments]
    y, state = operation(kind)(*leaves)
    seen = torch.zeros_like(clean, dtype=torch.bool)
    seen[1, 4 : 5 if spoilt == 0 else None, 2] = True
    assert bool(y[seen].isnan().all())
    torch.testing.assert_close(y[~seen], clean[~seen], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state[0], clean_state[0], rtol=1e-12, atol=1e-12)
    assert bool(state[1, 2].isnan().all()) == (spoilt > 0)
    for gradient in torch.autograd.grad(y[~seen].square().sum(), leaves):
        assert bool(gradient.isfinite().all())


@pytest.mark.parametrize("time", [9, 40])
@pytest.mark.usefixtures("_short_chunks")
def test_segments_equal_rows_of_their_own_with_all_gradients(kind, time):
    *sequences, state = leaves = [x.requires_grad_() for x in example(kind, time)]
    segments = segments_of(time)
    both = operation(kind)(*leaves, segments), one_by_one(reference(kind), sequences, state, segments)
    torch.testing.assert_close(*both, rtol=1e-10, atol=1e-12)
    cotangents = [torch.randn_like(y) for y in both[0]]
    for gradients in zip(*(torch.autograd.grad(outputs, leaves, cotangents) for outputs in both), strict=True):
        torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("broken", ["sequences", "state"])
@pytest.mark.usefixtures("_short_chunks")
def test_what_is_not_finite_ends_with_its_segment(kind, broken):
    *sequences, state = example(kind, 9)
    clean, _ = operation(kind)(*sequences, state, segments_of(9))
    if broken == "state":
        state[1, 0, 1, 2] = float("nan")
    else:
        sequences[1][1, 2, 0, 1], sequences[3][1, 3, 0, 0] = float("nan"), float("inf")
    leaves = [x.requires_grad_() for x in (*sequences, state)]
    found, _ = operation(kind)(*leaves, segments_of(9))
    assert found[1, 3, 0].isnan().all()
    assert torch.equal(found[1, 5:], clean[1, 5:])
    assert torch.equal(found[1, :, 1:], clean[1, :, 1:])
    assert torch.equal(found[0], clean[0])
    for gradient in torch.autograd.grad(found[1, 5:].sum(), leaves[:-1]):
        assert bool(gradient.isfinite().all())
        assert not gradient[1, :5].any()


def segments_of(time: int) -> Segments:
    """A row that begins anew at its second and its last step, and one that does at the sixth and in the end."""
    reset = torch.zeros(B, time, dtype=torch.bool)
    reset[0, [1, -1]] = reset[1, 5] = reset[1, time - 3 :] = True
    return Segments(reset)


@TORCH_WARNS
@pytest.mark.usefixtures("_short_chunks")
def test_tangents_equal_those_of_the_equation(kind):
    arguments = example(kind, 8)
    tangents = tuple(torch.randn_like(x) for x in arguments)
    for found, expected in zip(
        *(torch.func.jvp(form, tuple(arguments), tangents)[1] for form in (operation(kind), reference(kind))),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("_short_chunks")
def test_mapping_equals_one_by_one(kind):
    first, second = example(kind, 8), [x.flip(0) for x in example(kind, 8)]
    mapped = torch.func.vmap(operation(kind))(*(torch.stack(pair) for pair in zip(first, second, strict=True)))
    for i, arguments in enumerate((first, second)):
        for found, expected in zip(mapped, operation(kind)(*arguments), strict=True):
            torch.testing.assert_close(found[i], expected, rtol=1e-12, atol=1e-12)


def test_one_decay_a_head_is_that_decay_in_every_channel():
    q, k, v, log_a, state = example("decay a head", 40)
    for found, expected in zip(
        linear.matrix_recurrence(q, k, v, log_a.expand(B, 40, N, K), state),
        linear.matrix_recurrence(q, k, v, log_a, state),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


def test_the_delta_rule_recalls_what_it_wrote_last_and_nothing_of_what_it_replaced():
    """Written with b = 1 under orthonormal keys, each value is read back whole (Schlag et al. 2021, section 3.2)."""
    g = torch.Generator().manual_seed(0)
    keys = torch.linalg.qr(torch.randn(K, K, generator=g, dtype=torch.float64))[0]
    order = torch.tensor([0, 1, 2, 3, 1, 2])
    k, v = keys[order].view(1, 6, 1, K), torch.randn(1, 6, 1, V, generator=g, dtype=torch.float64)
    ones = torch.ones(1, 6, 1, 1, dtype=torch.float64)
    y, state = delta.delta_rule(k, k, v, 0 * ones, ones, torch.zeros(1, 1, K, V, dtype=torch.float64))
    torch.testing.assert_close(y, v)
    torch.testing.assert_close(keys @ state[0, 0], v[0, [0, 4, 5, 3], 0])


def test_without_decay_it_is_attention_without_softmax():
    q, k, v, log_a, state = example("decay a head", 50)
    y, _ = linear.matrix_recurrence(q, k, v, 0 * log_a, 0 * state)
    scores = torch.einsum("btnk,bsnk->bnts", q, k).tril()
    torch.testing.assert_close(y, torch.einsum("bnts,bsnv->btnv", scores, v), rtol=1e-10, atol=1e-10)
