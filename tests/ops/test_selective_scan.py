from functools import partial

import numpy as np
import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops import selective_scan as module
from statewise.ops.selective_scan import reference, selective_scan

from .segmented import one_by_one

TORCH_WARNS = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
"""At its first tangent"""
ROWS, CHANNELS, STATES = 2, 3, 4


def example(time: int) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(time)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    u, dt = normal(ROWS, time, CHANNELS), normal(ROWS, time, CHANNELS).abs()
    b, c = normal(ROWS, time, STATES), normal(ROWS, time, STATES)
    return [u, dt, -normal(CHANNELS, STATES).abs(), b, c, normal(ROWS, CHANNELS, STATES)]


@pytest.fixture(autouse=True)
def pieces_of_any_length(monkeypatch):
    monkeypatch.setattr(module, "SHORTEST", 1)
    with module.FORMS.use("in_pieces"):
        yield


def gradients() -> tuple[torch.Tensor, ...]:
    arguments = [x.requires_grad_() for x in example(40)]
    y, h = selective_scan(*arguments)
    return torch.autograd.grad(y.square().sum() + h.square().sum(), arguments)


@pytest.mark.parametrize("time", [1, 16, 37])
def test_the_compiled_loop_equals_the_equation(time):
    arguments = example(time)
    with module.FORMS.use("compiled"):
        found = selective_scan(*arguments)
    for one, other in zip(found, module.reference(*arguments), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_gradients_of_the_compiled_loop_are_those_of_the_equation():
    with module.FORMS.use("reference"):
        expected = gradients()
    with module.FORMS.use("compiled"):
        found = gradients()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("form", ["compiled", "in_pieces"])
def test_segments_equal_rows_of_their_own_with_all_gradients(form):
    reset = torch.zeros(ROWS, 40, dtype=torch.bool)
    reset[0, [3, 4, 37]] = reset[1, 16] = True
    segments, found = Segments(reset), []
    cotangents = torch.randn(ROWS, 40, CHANNELS, dtype=torch.float64), torch.randn(ROWS, CHANNELS, STATES).double()

    def alone(u, dt, a, b, c, initial):
        return one_by_one(lambda u, dt, b, c, h: reference(u, dt, a, b, c, h), (u, dt, b, c), initial, segments)

    for run in (partial(selective_scan, segments=segments), alone):
        arguments = [x.requires_grad_() for x in example(40)]
        with module.FORMS.use(form):
            outputs = run(*arguments)
        found.append((*outputs, *torch.autograd.grad(outputs, arguments, cotangents)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def test_the_compiled_loop_reads_what_lies_anywhere_and_nothing_that_was_left_in_memory(monkeypatch):
    arguments = example(20)
    strided = [torch.stack([x, x], dim=-1)[..., 0] for x in arguments]
    empty = torch.Tensor.new_empty
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda x, *size: empty(x, *size).fill_(torch.nan))
    with module.FORMS.use("compiled"):
        found = selective_scan(*strided)
    for one, other in zip(found, module.reference(*arguments), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_the_compiled_loop_runs_wherever_it_can():
    arguments = example(3)
    assert module.rule(*arguments) == "compiled"
    assert module.rule(arguments[0].float(), *arguments[1:]) == "in_pieces"
    assert module.rule(*(x.to("meta") for x in arguments)) == "in_pieces"


def test_the_compiled_loop_refuses_a_second_derivative_and_names_the_form_that_has_it():
    arguments = [x.requires_grad_() for x in example(3)]
    with module.FORMS.use("compiled"):
        y, _ = selective_scan(*arguments)
        with pytest.raises(RuntimeError, match="of selective_scan have first derivatives alone"):
            torch.autograd.grad(y.sum(), arguments, create_graph=True)


@pytest.mark.parametrize("steps_a_piece", [1, 3, 7, 100])
def test_equals_equation_2a_number_by_number(monkeypatch, steps_a_piece):
    monkeypatch.setattr(module, "PIECE", steps_a_piece * ROWS * CHANNELS * STATES)
    arguments = example(7)
    u, dt, a, b, c, h = (x.numpy().copy() for x in arguments)
    y = np.zeros_like(u)
    for row, t, e, s in np.ndindex(ROWS, 7, CHANNELS, STATES):
        h[row, e, s] = np.exp(dt[row, t, e] * a[e, s]) * h[row, e, s] + dt[row, t, e] * b[row, t, s] * u[row, t, e]
        y[row, t, e] += c[row, t, s] * h[row, e, s]
    found, final = selective_scan(*arguments)
    np.testing.assert_allclose(found.numpy(), y, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(final.numpy(), h, rtol=1e-11, atol=1e-12)
    for part, expected in zip(module.reference(*arguments), (y, h), strict=True):
        np.testing.assert_allclose(part.numpy(), expected, rtol=1e-11, atol=1e-12)


def test_pieces_change_no_gradient(monkeypatch):
    whole = gradients()
    monkeypatch.setattr(module, "PIECE", 3 * ROWS * CHANNELS * STATES)
    for expected, found in zip(whole, gradients(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("piece", "shortest", "steps"), [(16, 1, 16), (1, 8, 8)])
def test_kept_for_the_backward_pass_are_the_inputs_and_one_state_a_piece(monkeypatch, piece, shortest, steps):
    monkeypatch.setattr(module, "PIECE", piece * ROWS * CHANNELS * STATES)
    monkeypatch.setattr(module, "SHORTEST", shortest)
    time, sizes = 64, []

    def keep(x: torch.Tensor) -> torch.Tensor:
        sizes.append(x.numel())
        return x

    arguments = [x.requires_grad_() for x in example(time)]
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        selective_scan(*arguments)
    initial = arguments.pop()
    assert sum(sizes) == sum(x.numel() for x in arguments) + time // steps * initial.numel()


def test_gradients_are_the_derivatives(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 3 * ROWS * CHANNELS * STATES)
    assert torch.autograd.gradcheck(selective_scan, [x.requires_grad_() for x in example(8)], fast_mode=True)


def test_a_second_derivative_is_refused_and_the_form_that_has_it_named():
    u, *others = example(5)
    (first,) = torch.autograd.grad(selective_scan(u.requires_grad_(), *others)[0].square().sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match="first derivatives alone"):
        torch.autograd.grad(first.sum(), u)
    with module.FORMS.use("reference"):
        arguments = [x.requires_grad_() for x in example(3)]
        assert torch.autograd.gradgradcheck(selective_scan, arguments, fast_mode=True)


@TORCH_WARNS
@pytest.mark.parametrize("given", [(0,), (1,), (2,), (3,), (4,), (5,), (0, 1, 2, 3, 4, 5)])
def test_tangents_equal_those_of_the_equation(monkeypatch, given):
    monkeypatch.setattr(module, "PIECE", 3 * ROWS * CHANNELS * STATES)
    arguments = example(8)
    moving, tangents = [arguments[i] for i in given], [torch.randn_like(arguments[i]) for i in given]

    def along(scan):
        def f(*moved):
            return scan(*(moved[given.index(i)] if i in given else arguments[i] for i in range(6)))

        (y, h), (y_dot, h_dot) = torch.func.jvp(f, tuple(moving), tuple(tangents))
        return y, h, y_dot, h_dot

    for found, expected in zip(along(selective_scan), along(module.reference), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("in_dims", [(0, 0, None, 0, 0, 0), (None, None, 0, None, None, None), (1, 0, 1, 0, 0, 0)])
def test_mapping_equals_one_by_one_with_all_gradients(monkeypatch, in_dims):
    monkeypatch.setattr(module, "PIECE", 3 * ROWS * CHANNELS * STATES)
    stacked = [x if dim is None else torch.stack([x, 0.5 * x], dim) for x, dim in zip(example(8), in_dims, strict=True)]

    def gradients(*arguments):
        def total(*arguments):
            y, h = selective_scan(*arguments)
            return y.square().sum() + h.sum()

        return torch.func.grad(total, argnums=tuple(range(6)))(*arguments)

    mapped = torch.func.vmap(gradients, in_dims=in_dims)(*stacked)
    for i in range(2):
        one = [x if dim is None else x.select(dim, i) for x, dim in zip(stacked, in_dims, strict=True)]
        for found, expected in zip(mapped, gradients(*one), strict=True):
            torch.testing.assert_close(found[i], expected, rtol=1e-11, atol=1e-11)


def test_the_final_state_does_not_keep_the_sequence_alive():
    _, final = selective_scan(*example(9))
    assert final.untyped_storage().nbytes() == final.numel() * final.element_size()
