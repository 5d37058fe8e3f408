"""Derivatives of the linear recurrence, of the first order and of others, and torch's transforms of it."""

import pytest
import torch

from statewise.ops.linear_recurrence import linear_recurrence, reference

from .scanned import DTYPES, ROWS, SHAPES_OF_A, WIDTH, cut_into_segments, example, form, gradients  # noqa: F401

TORCH_WARNS = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
"""At its first tangent"""


@pytest.mark.parametrize("time", [0, 1, 2, 7])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape_of_a", SHAPES_OF_A)
def test_gradients_to_all_three_arguments(time, dtype, shape_of_a):
    arguments = [x.requires_grad_() for x in example(time, dtype, shape_of_a)]
    assert torch.autograd.gradcheck(linear_recurrence, arguments, fast_mode=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape_of_a", SHAPES_OF_A)
def test_gradients_of_long_sequences_equal_those_through_the_plain_loop(dtype, shape_of_a):
    arguments = example(257, dtype, shape_of_a)
    for found, expected in zip(gradients(linear_recurrence, arguments), gradients(reference, arguments), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("dtype", DTYPES)
def test_second_derivatives_of_segments(dtype):
    arguments, segments = cut_into_segments(4, dtype, "every step its own")
    leaves = [x.requires_grad_() for x in arguments]
    assert torch.autograd.gradgradcheck(lambda *given: linear_recurrence(*given, segments), leaves, fast_mode=True)


def test_without_steps_the_gradients_are_zero():
    for gradient in gradients(linear_recurrence, example(0, torch.float64)):
        assert not gradient.any()


@pytest.mark.parametrize("needed", [0, 1, 2])
def test_a_gradient_does_not_depend_on_which_others_are_wanted(needed):
    arguments = example(7, torch.complex128)
    expected = gradients(linear_recurrence, arguments)[needed]
    leaf = arguments[needed].requires_grad_()
    h = linear_recurrence(*arguments)
    cotangent = torch.randn(h.shape, generator=torch.Generator().manual_seed(5), dtype=h.dtype)
    assert torch.equal(torch.autograd.grad(h, leaf, cotangent)[0], expected)


def test_a_cotangent_that_is_zero_without_lying_anywhere():
    """Loops are handed addresses, and this one has none."""
    leaves = [x.requires_grad_() for x in example(7, torch.float64)]
    h = linear_recurrence(*leaves)
    zero = torch._efficientzerotensor(h.shape, dtype=h.dtype)
    assert not any(gradient.any() for gradient in torch.autograd.grad(h, leaves, zero))


def test_real_coefficients_of_complex_states_get_real_gradients():
    a = torch.rand(ROWS, 7, WIDTH, dtype=torch.float64).requires_grad_()
    _, b, initial = (x.requires_grad_() for x in example(7, torch.complex128))
    assert torch.autograd.gradcheck(linear_recurrence, [a, b, initial], fast_mode=True)
    linear_recurrence(a, b, initial).abs().sum().backward()
    assert a.grad is not None
    assert a.grad.dtype == torch.float64


@pytest.mark.parametrize("time", [0, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_second_derivatives_of_all_pairs_of_arguments(time, dtype):
    arguments = [x.requires_grad_() for x in example(time, dtype)]
    assert torch.autograd.gradgradcheck(linear_recurrence, arguments, fast_mode=True)


@TORCH_WARNS
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("given", [(0,), (1,), (2,), (0, 1, 2)])
def test_tangents_equal_those_through_the_plain_loop(dtype, given):
    """Also where only some arguments have one."""
    arguments = example(7, dtype)
    moving, tangents = [arguments[i] for i in given], [torch.randn_like(arguments[i]) for i in given]

    def along(recurrence):
        def f(*moved):
            return recurrence(*(moved[given.index(i)] if i in given else arguments[i] for i in range(3)))

        return torch.func.jvp(f, tuple(moving), tuple(tangents))

    for found, expected in zip(along(linear_recurrence), along(reference), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("in_dims", [(0, 0, 0), (None, 1, None), (0, None, None), (None, None, 1)])
def test_mapping_equals_one_by_one(in_dims):
    arguments = example(7, torch.float64)
    stacked = [
        x if dim is None else torch.stack([x, 0.5 * x, 0 * x], dim) for x, dim in zip(arguments, in_dims, strict=True)
    ]
    mapped = torch.func.vmap(linear_recurrence, in_dims=in_dims)(*stacked)
    for i, found in enumerate(mapped):
        one = [x if dim is None else x.select(dim, i) for x, dim in zip(stacked, in_dims, strict=True)]
        torch.testing.assert_close(found, linear_recurrence(*one), rtol=1e-12, atol=1e-12)


@TORCH_WARNS
def test_the_hessian_is_that_of_the_plain_loop():
    a, b, initial = example(3, torch.float64)

    def squares(recurrence):
        return torch.func.hessian(lambda a: recurrence(a, b[:1, :, :2], initial[:1, :2]).square().sum())(a[:1, :, :2])

    torch.testing.assert_close(squares(linear_recurrence), squares(reference), rtol=1e-11, atol=1e-11)


def test_writing_into_the_result_before_the_backward_pass_is_noticed():
    a, b, initial = (x.requires_grad_() for x in example(3, torch.float64))
    h = linear_recurrence(a, b, initial)
    with torch.no_grad():
        h.zero_()
    with pytest.raises(RuntimeError, match="inplace operation"):
        h.sum().backward()
