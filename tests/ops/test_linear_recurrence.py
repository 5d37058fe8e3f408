import numpy as np
import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops.compiled.compiler import without_compiled_loops
from statewise.ops.linear_recurrence import FORMS, linear_recurrence, reference

from .scanned import DTYPES, ROWS, SHAPES_OF_A, WIDTH, cut_into_segments, example, form, gradients  # noqa: F401
from .segmented import one_by_one

ONCE = pytest.mark.parametrize("form", ["by the rule"], indirect=True)
"""A test that says itself which form runs"""
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TIMES = [0, 1, 2, 7, 64, 257]


def by_definition(a: torch.Tensor, b: torch.Tensor, initial: torch.Tensor) -> torch.Tensor:
    a, b, h = a.expand_as(b).numpy(), b.numpy(), initial.numpy().copy()
    states = np.zeros_like(b)
    for row, t, i in np.ndindex(b.shape):
        h[row, i] = a[row, t, i] * h[row, i] + b[row, t, i]
        states[row, t, i] = h[row, i]
    return torch.from_numpy(states)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape_of_a", SHAPES_OF_A)
def test_equals_the_equation_number_by_number(time, dtype, shape_of_a):
    arguments = example(time, dtype, shape_of_a)
    expected = by_definition(*arguments)
    torch.testing.assert_close(linear_recurrence(*arguments), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(reference(*arguments), expected, rtol=1e-12, atol=1e-12)


@ONCE
@pytest.mark.parametrize("width", [1, 17, 64, 130])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape_of_a", SHAPES_OF_A)
def test_rows_of_any_width_equal_the_equation_with_all_gradients(width, dtype, shape_of_a):
    """Several numbers are worked on at once, and those left over singly; narrow rows otherwise than wide ones."""
    arguments = example(5, dtype, shape_of_a, width)
    torch.testing.assert_close(linear_recurrence(*arguments), reference(*arguments), rtol=1e-12, atol=1e-12)
    for found, expected in zip(gradients(linear_recurrence, arguments), gradients(reference, arguments), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_a_cpu_takes_the_compiled_loop_but_for_transforms_and_half_precision():
    arguments = example(3, torch.float64)
    assert FORMS.rule(*arguments) == "compiled"
    assert FORMS.rule(*(x.half() for x in arguments)) == "in_place"
    assert FORMS.rule(*(x.to("meta") for x in arguments)) == "in_place"
    chosen = []
    torch.func.vmap(lambda x: chosen.append(FORMS.rule(x, x, x)) or x)(arguments[1])
    with without_compiled_loops():
        chosen.append(FORMS.rule(*arguments))
    assert chosen == ["in_place", "in_place"]


@ONCE
@pytest.mark.parametrize("time", [1, 33])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape_of_a", SHAPES_OF_A)
def test_the_triton_kernel_equals_the_equation_with_all_gradients(time, dtype, shape_of_a, monkeypatch):
    """Where there is no GPU, Triton's interpreter runs it, slowly, and so on small tiles."""
    if DEVICE == "cpu":
        from statewise.ops.gpu import scan

        monkeypatch.setattr(scan, "STEPS", 8)
        monkeypatch.setattr(scan, "NUMBERS", 2)
    arguments = [x.to(DEVICE) for x in example(time, dtype, shape_of_a)]
    with FORMS.use("triton"):
        torch.testing.assert_close(linear_recurrence(*arguments), reference(*arguments), rtol=1e-11, atol=1e-11)
        found = gradients(linear_recurrence, arguments)
    for one, expected in zip(found, gradients(reference, arguments), strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-11, atol=1e-11)


@ONCE
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_triton_kernel_takes_no_steps_at_all(dtype):
    arguments = [x.to(DEVICE) for x in example(0, dtype)]
    with FORMS.use("triton"):
        assert not any(gradient.any() for gradient in gradients(linear_recurrence, arguments))


@ONCE
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_triton_kernel_knows_numbers_that_are_conjugated_where_they_are_read(dtype):
    a, b, initial = (x.to(DEVICE).conj() for x in example(40, dtype))
    with FORMS.use("triton"):
        torch.testing.assert_close(linear_recurrence(a, b, initial), reference(a, b, initial), rtol=1e-12, atol=1e-12)


@ONCE
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_triton_kernel_reads_any_strides_and_nothing_beside_its_row(dtype):
    """The row beside holds NaN, and so does what lies between the numbers that are asked for."""
    a, b, initial = (x.to(DEVICE) for x in example(40, dtype))
    expected = reference(a, b, initial)
    holed_a, holed_b = (torch.full((ROWS, WIDTH, 40, 2), float("nan"), dtype=a.dtype, device=DEVICE) for _ in range(2))
    holed_a[..., 0], holed_b[..., 0] = a.transpose(1, 2), b.transpose(1, 2)
    holed_b[1, :, 20:] = float("nan")
    with FORMS.use("triton"):
        found = linear_recurrence(holed_a[..., 0].transpose(1, 2), holed_b[..., 0].transpose(1, 2), initial)
    torch.testing.assert_close(found[[0, 2]], expected[[0, 2]], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found[1, :20], expected[1, :20], rtol=1e-12, atol=1e-12)


def row_by_row(segments: Segments):
    """The reference of each segment alone."""

    def alone(a, b, initial):
        states = reference(a, b, initial)
        return states, states[:, -1]

    def recurrence(a, b, initial):
        return one_by_one(alone, [a.expand_as(b), b], initial, segments)[0]

    return recurrence


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape_of_a", SHAPES_OF_A)
def test_segments_equal_rows_of_their_own_with_all_gradients(dtype, shape_of_a):
    arguments, segments = cut_into_segments(13, dtype, shape_of_a)

    def recurrence(*given):
        return linear_recurrence(*given, segments)

    expected = row_by_row(segments)
    torch.testing.assert_close(recurrence(*arguments), expected(*arguments), rtol=1e-12, atol=1e-12)
    for found, gradient in zip(gradients(recurrence, arguments), gradients(expected, arguments), strict=True):
        torch.testing.assert_close(found, gradient, rtol=1e-12, atol=1e-12)


def test_what_is_not_a_number_stays_in_its_segment_with_its_gradients():
    (a, b, initial), segments = cut_into_segments(13, torch.float64, "every step its own")
    expected = linear_recurrence(a, b, initial, segments)[1]
    a[1, :6], b[1, 3], initial[1] = float("nan"), float("nan"), float("nan")
    leaves = [x.requires_grad_() for x in (a, b, initial)]
    found = linear_recurrence(*leaves, segments)[1]
    torch.testing.assert_close(found[6:], expected[6:], rtol=0, atol=0)
    for gradient in torch.autograd.grad(found[6:].sum(), leaves[:2]):
        assert bool(gradient[1, 6:].isfinite().all())


@pytest.mark.parametrize("dtype", DTYPES)
def test_strides_do_not_matter(dtype):
    a, b, initial = example(7, dtype)
    strided_a = torch.stack([a, a], dim=-1)[..., 0]
    strided_b = b.conj().resolve_conj().permute(2, 1, 0).contiguous().permute(2, 1, 0).conj()
    strided_initial = initial.T.contiguous().T
    strided, plain = [strided_a, strided_b, strided_initial], [a, b, initial]
    assert not any(x.is_contiguous() for x in strided)
    torch.testing.assert_close(linear_recurrence(*strided), linear_recurrence(*plain), rtol=1e-12, atol=1e-12)
    for found, expected in zip(gradients(linear_recurrence, strided), gradients(reference, plain), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_any_number_of_axes_after_time():
    g = torch.Generator().manual_seed(0)
    a, b = torch.rand(5, 2, generator=g).double(), torch.randn(3, 7, 4, 5, 2, generator=g).double()
    initial = torch.randn(3, 4, 5, 2, generator=g).double()
    torch.testing.assert_close(linear_recurrence(a, b, initial), reference(a, b, initial), rtol=1e-12, atol=1e-12)
    assert linear_recurrence(a[0, 0], b[..., 0, 0, 0], initial[..., 0, 0, 0]).shape == (3, 7)


@pytest.mark.parametrize("time", [0, 3])
def test_the_widest_dtype_is_returned(time):
    a, b, initial = torch.ones(1), torch.ones(2, time, 3), torch.ones(2, 3, dtype=torch.float64)
    assert linear_recurrence(a, b, initial).dtype == torch.float64
    assert linear_recurrence(a + 0j, b, initial.float()).dtype == torch.complex64


def test_chunks_give_the_same_as_the_whole():
    a, b, h = example(64, torch.complex128)
    whole = linear_recurrence(a, b, h)
    parts = []
    for start, end in [(0, 0), (0, 1), (1, 40), (40, 40), (40, 64)]:
        parts.append(linear_recurrence(a[:, start:end], b[:, start:end], h))
        h = parts[-1][:, -1] if end > start else h
    assert torch.equal(torch.cat(parts, dim=1), whole)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_the_future_does_not_reach_the_past(value):
    a, b, initial = example(64, torch.float64)
    before = linear_recurrence(a, b, initial)
    a[1, 20:, 2], b[1, 20:, 2] = value, value
    after = linear_recurrence(a, b, initial)
    untouched = torch.ones_like(b, dtype=torch.bool)
    untouched[1, 20:, 2] = False
    assert torch.equal(after[untouched], before[untouched])


def test_coefficients_whose_product_overflows_do_no_harm_to_an_empty_state():
    a, b = torch.full((1, 64, 1), 1e200, dtype=torch.float64), torch.zeros(1, 64, 1, dtype=torch.float64)
    b[0, -1] = 3.0
    assert linear_recurrence(a, b, torch.zeros(1, 1, dtype=torch.float64)).sum() == 3.0


def test_arguments_are_left_as_they_were():
    arguments = example(7, torch.float64)
    copies = [x.clone() for x in arguments]
    gradients(linear_recurrence, arguments)
    linear_recurrence(*arguments).zero_()
    assert all(torch.equal(x, copy) for x, copy in zip(arguments, copies, strict=True))


def test_an_initial_state_of_another_shape_is_refused():
    a, b, _ = example(3, torch.float64)
    with pytest.raises(RuntimeError, match="expand"):
        linear_recurrence(a, b, torch.zeros(ROWS + 1, WIDTH, dtype=torch.float64))
