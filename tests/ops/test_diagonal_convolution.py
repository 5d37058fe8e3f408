import numpy as np
import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops import diagonal_convolution as module
from statewise.ops.diagonal_convolution import BLOCK, LANES, diagonal_convolution

from .segmented import one_by_one

CHANNELS, STATES, ROWS = 3, 4, 5
ON_CPUS = [name for name in module.FORMS.names if name != "triton"]
"""Forms that ``tests/ops/gpu`` does not try"""


def example(time: int, seed: int = 0) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(seed)

    def normal(*shape: int, dtype: torch.dtype = torch.complex128) -> torch.Tensor:
        return torch.randn(*shape, generator=g, dtype=dtype)

    decay = torch.rand(CHANNELS, STATES, generator=g, dtype=torch.float64)
    log_a = torch.complex(-0.3 * decay, normal(CHANNELS, STATES, dtype=torch.float64))
    u = normal(ROWS, time, CHANNELS, dtype=torch.float64)
    pair = (CHANNELS, STATES)
    return [u, log_a, normal(*pair), normal(*pair), normal(ROWS, *pair)]


def by_definition(u, log_a, b, c, initial):
    u, a, b, c, h = (x.numpy() for x in (u, log_a.exp(), b, c, initial.clone()))
    s = np.zeros_like(u)
    for row, t, d in np.ndindex(u.shape):
        for n in range(STATES):
            h[row, d, n] = a[d, n] * h[row, d, n] + b[d, n] * u[row, t, d]
            s[row, t, d] += 2 * (c[d, n] * h[row, d, n]).real
    return torch.from_numpy(s), torch.from_numpy(h)


@pytest.mark.parametrize("time", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7])
def test_equals_the_recurrence_from_a_warm_state(time):
    arguments = example(time)
    for name in ON_CPUS:
        with module.FORMS.use(name):
            computed = diagonal_convolution(*arguments)
        for found, expected in zip(computed, by_definition(*arguments), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", ON_CPUS)
def test_gradients_to_all_five_arguments(monkeypatch, name):
    monkeypatch.setattr(module, "BLOCK", 3)
    arguments = [x.requires_grad_() for x in example(37 if name == "compiled" else 8)]
    with module.FORMS.use(name):
        assert torch.autograd.gradcheck(diagonal_convolution, arguments, fast_mode=True)


def resets(which: str, time: int) -> torch.Tensor:
    reset = torch.zeros(ROWS, time, dtype=torch.bool)
    if which == "some":
        reset[0, [0, 3]] = reset[2, BLOCK + 1] = reset[3, -1] = True
    elif which == "every step":
        reset[1:] = True
    return reset


@pytest.mark.parametrize("name", ON_CPUS)
@pytest.mark.parametrize("which", ["some", "every step"])
def test_segments_equal_rows_of_their_own_with_gradients(name, which):
    time = 2 * BLOCK + 9
    segments = Segments(resets(which, time))
    u, log_a, b, c, initial = leaves = [x.requires_grad_() for x in example(time)]
    with module.FORMS.use(name):
        s, after = diagonal_convolution(*leaves, segments)
    alone = one_by_one(lambda part, h: module.reference(part, log_a, b, c, h), [u], initial, segments)
    both = (s, after), alone
    torch.testing.assert_close(*both)
    cotangents = [torch.randn_like(s), torch.randn_like(after)]
    for found, known in zip(*(torch.autograd.grad(o, leaves, cotangents) for o in both), strict=True):
        torch.testing.assert_close(found, known, rtol=1e-9, atol=1e-9)


def test_the_compiled_loop_has_all_channels_of_several_groups_and_reads_nothing_that_was_left_in_memory(monkeypatch):
    u, *rest = example(40)
    u, rest = u.repeat(1, 1, 6), [x.repeat_interleave(6, dim=-2) for x in rest]
    leaves, found = [x.requires_grad_() for x in (u, *rest)], []
    empty = torch.Tensor.new_empty
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda x, *size: empty(x, *size).fill_(torch.nan))
    for form in ("reference", "compiled"):
        with module.FORMS.use(form):
            s, h = diagonal_convolution(*leaves)
        loss = s.square().sum() + torch.view_as_real(h).square().sum()
        found.append((s, h, *torch.autograd.grad(loss, leaves)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ON_CPUS)
def test_what_is_not_a_number_ends_at_a_reset(name):
    u, *rest = example(BLOCK + 9)
    reset = torch.zeros(ROWS, BLOCK + 9, dtype=torch.bool)
    reset[:, 7] = True
    u[:, 6] = torch.nan
    with module.FORMS.use(name):
        s, after = diagonal_convolution(u, *rest, Segments(reset))
    assert s[:, 6].isnan().all()
    assert s[:, 7:].isfinite().all()
    assert after.isfinite().all()


def test_the_compiled_loop_runs_where_it_is_faster_and_can():
    u, *few = example(3)
    wide = [x.repeat_interleave(6, dim=-2) for x in few]
    many = [x.repeat_interleave(5, dim=-1) for x in wide]
    segments = Segments(resets("every step", 3))
    assert module.rule(u, *few) == "in_blocks"
    assert module.rule(u, *few, segments) == "compiled"
    assert module.rule(u, *wide) == "compiled"
    assert module.rule(u.float(), *wide) == "in_blocks"
    assert module.rule(u, *many) == "in_blocks"
    assert module.rule(u, *many, segments) == "compiled"
    with torch.no_grad():
        assert module.rule(u, *many) == "compiled"


def test_in_single_precision_the_compiled_loop_keeps_close_to_the_equation():
    arguments = example(3 * BLOCK + 7)
    single = [x.to(torch.complex64 if x.is_complex() else torch.float32) for x in arguments]
    with module.FORMS.use("compiled"):
        found = diagonal_convolution(*single)
    for one, other in zip(found, module.reference(*arguments), strict=True):
        torch.testing.assert_close(one, other.to(one.dtype), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ON_CPUS)
def test_in_single_precision_a_slow_system_is_as_slow_as_it_says(name):
    """Of a constant input h_T = bbar (abar^T - 1) / (abar - 1). With abar itself rounded it is 6e-5 off."""
    decay = torch.linspace(2e-4, 2e-3, 2 * LANES).view(LANES, 2)
    log_a, one = torch.complex(-decay, decay.flip(1) / 3), torch.ones(LANES, 2) + 0j
    with module.FORMS.use(name):
        _, h = diagonal_convolution(torch.ones(1, 4000, LANES), log_a, one, one, torch.zeros(1, LANES, 2) + 0j)
    exact = log_a.to(torch.complex128)
    expected = (4000 * exact).expm1() / exact.expm1()
    assert (h - expected).abs().div(expected.abs()).max() < 1e-5


@pytest.mark.parametrize("name", ["in_blocks", "compiled"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e200])
@pytest.mark.parametrize("at", [0, 5, BLOCK - 1, BLOCK, 2 * BLOCK + 1])
def test_the_future_does_not_reach_the_past(value, at, name):
    u, *rest = example(2 * BLOCK + 5)
    changed = u.clone()
    changed[1, at, 2] = value
    with module.FORMS.use(name):
        before, _ = diagonal_convolution(u, *rest)
        after, final = diagonal_convolution(changed, *rest)
    assert torch.equal(before[:, :at], after[:, :at])
    assert torch.equal(before[[0, 2, 3, 4]], after[[0, 2, 3, 4]])
    assert torch.equal(before[:, :, :2], after[:, :, :2])
    if value != -1e200:
        assert not after[1, at:, 2].isfinite().any()
        assert not final[1, 2].isfinite().any()


@pytest.mark.parametrize("name", ["in_blocks", "compiled"])
def test_products_are_not_rounded_under_autocast(name):
    arguments = [x.to(torch.complex64 if x.is_complex() else torch.float32) for x in example(BLOCK + 3)]
    with module.FORMS.use(name):
        expected, _ = diagonal_convolution(*arguments)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found, _ = diagonal_convolution(*arguments)
    assert torch.equal(expected, found)


def test_the_final_state_does_not_keep_the_sequence_alive():
    _, final = diagonal_convolution(*example(4 * BLOCK))
    assert final.untyped_storage().nbytes() == final.numel() * final.element_size()
