import numpy as np
import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops.causal_convolution import FORMS as ALL_FORMS
from statewise.ops.causal_convolution import causal_convolution
from statewise.ops.compiled.compiler import without_compiled_loops

from .segmented import one_by_one

ROWS, WIDTH = 3, 4
FORMS = {
    "dense": {"groups": 1, "outputs": 5},
    "depthwise": {"groups": WIDTH, "outputs": WIDTH},
    "in groups": {"groups": 2, "outputs": 6},
}
ONLY = {"taps": "dense", "compiled": "depthwise", "triton": "on a GPU"}
PAIRS = [(form, name) for form in FORMS for name in ALL_FORMS.names if ONLY.get(name, form) == form]


class Example:
    """A filter of one form, an input and the tail before it."""

    def __init__(self, time: int, taps: int = 3, dilation: int = 2, form: str = "dense", bias: bool = True) -> None:
        g = torch.Generator().manual_seed(time)
        groups, outputs = FORMS[form]["groups"], FORMS[form]["outputs"]

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=g, dtype=torch.float64)

        self.options = {"dilation": dilation, "groups": groups}
        self.x, self.tail = normal(ROWS, time, WIDTH), normal(ROWS, (taps - 1) * dilation, WIDTH)
        self.weight, self.bias = normal(outputs, WIDTH // groups, taps), normal(outputs) if bias else None

    def __call__(self, x: torch.Tensor, tail: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return causal_convolution(x, tail, self.weight, self.bias, **self.options)

    def by_definition(self) -> tuple[torch.Tensor, torch.Tensor]:
        seen = torch.cat([self.tail, self.x], dim=1).numpy()
        reach, time = self.tail.shape[1], self.x.shape[1]
        outputs, inputs_a_group, taps = self.weight.shape
        y = np.zeros((ROWS, time, outputs))
        for row, t, o in np.ndindex(y.shape):
            first = o // (outputs // self.options["groups"]) * inputs_a_group
            y[row, t, o] = 0.0 if self.bias is None else self.bias[o]
            for i, k in np.ndindex(inputs_a_group, taps):
                back = (taps - 1 - k) * self.options["dilation"]
                y[row, t, o] += self.weight[o, i, k] * seen[row, reach + t - back, first + i]
        return torch.from_numpy(y), torch.from_numpy(seen[:, time:])


@pytest.mark.parametrize("time", [0, 1, 2, 7])
@pytest.mark.parametrize("taps", [1, 2, 4])
@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize(("form", "name"), PAIRS)
def test_equals_the_equation_number_by_number(time, taps, dilation, form, name):
    example = Example(time, taps, dilation, form, bias=dilation == 1)
    with ALL_FORMS.use(name):
        computed = example(example.x, example.tail)
    for found, expected in zip(computed, example.by_definition(), strict=True):
        assert found.shape == expected.shape
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_chunks_give_the_same_as_the_whole():
    example = Example(40)
    whole, final = example(example.x, example.tail)
    outputs, tail = [], example.tail
    for x in example.x.split([0, 1, 2, 30, 0, 7], dim=1):
        y, tail = example(x, tail)
        outputs.append(y)
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole, rtol=1e-12, atol=1e-12)
    assert torch.equal(tail, final)


@pytest.mark.parametrize("time", [1, 2, 7])
@pytest.mark.parametrize("form", FORMS)
def test_gradients_to_input_tail_and_filter(time, form):
    example = Example(time, form=form)
    leaves = [x.requires_grad_() for x in (example.x, example.tail, example.weight, example.bias)]
    assert torch.autograd.gradcheck(lambda *a: causal_convolution(*a, **example.options), leaves, fast_mode=True)


def test_without_steps_gradients_pass_through_the_tail():
    example = Example(0)
    _, tail = example(example.x, example.tail.requires_grad_())
    assert torch.autograd.grad(tail.sum(), example.tail)[0].eq(1).all()


@pytest.mark.parametrize("time", [1, 7])
@pytest.mark.parametrize("form", FORMS)
def test_strides_do_not_matter(time, form):
    example = Example(time, form=form)
    expected = example(example.x, example.tail)
    example.weight = example.weight.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    strided = [torch.stack([x, x], dim=-1)[..., 0] for x in (example.x, example.tail)]
    for found, plain in zip(example(*strided), expected, strict=True):
        torch.testing.assert_close(found, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
@pytest.mark.parametrize("form", FORMS)
def test_the_future_does_not_reach_the_past(value, form):
    example = Example(64, form=form)
    before, _ = example(example.x, example.tail)
    changed = example.x.clone()
    changed[1, 20:] = value
    after, _ = example(changed, example.tail)
    assert torch.equal(after[:, :20], before[:, :20])
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert not torch.equal(after[1, 20], before[1, 20])


@pytest.mark.parametrize("time", [0, 1, 7, 64])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_tail_is_a_tensor_of_its_own_in_its_own_dtype(time, dtype):
    example = Example(time)
    start, weight, bias = (x.float() for x in (example.tail, example.weight, example.bias))
    y, tail = causal_convolution(example.x.to(dtype), start, weight, bias, **example.options)
    assert y.dtype == tail.dtype == torch.float32
    assert tail.untyped_storage().nbytes() == tail.numel() * tail.element_size()
    kept = start.clone()
    tail.zero_()
    assert torch.equal(start, kept)


@pytest.mark.parametrize("length", [0, 3, 5])
def test_a_tail_of_another_length_is_refused(length):
    example = Example(7)
    with pytest.raises(ValueError, match="3 taps 2 apart need a tail of 4 steps"):
        example(example.x, torch.zeros(ROWS, length, WIDTH, dtype=torch.float64))


@pytest.mark.parametrize("form", FORMS)
def test_a_chunk_exports_with_a_dynamic_batch(form):
    example = Example(1, form=form)

    class Chunk(torch.nn.Module):
        def forward(self, x: torch.Tensor, tail: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return causal_convolution(x, tail, example.weight, example.bias, **example.options)

    batch = torch.export.Dim("batch", min=1)
    arguments = (example.x, example.tail)
    exported = torch.export.export(Chunk(), arguments, dynamic_shapes=({0: batch}, {0: batch})).module()
    more = [torch.cat([x, 2 * x]) for x in arguments]
    for found, expected in zip(exported(*more), Chunk()(*more), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("form", "name"), PAIRS)
@pytest.mark.parametrize(("taps", "time"), [(1, 11), (3, 11), (20, 60)])
def test_segments_equal_rows_of_their_own(form, taps, time, name):
    example = Example(time, taps=taps, form=form)
    reset = torch.zeros(ROWS, time, dtype=torch.bool)
    reset[0, [0, -1]] = reset[1, 6] = reset[2, 1] = reset[2, 2] = True
    segments = Segments(reset)
    leaves = [leaf.requires_grad_() for leaf in (example.x, example.tail, example.weight, example.bias)]
    with ALL_FORMS.use(name):
        y, after = causal_convolution(*leaves, segments, **example.options)
    both = (y, after), one_by_one(example, [example.x], example.tail, segments)
    torch.testing.assert_close(*both)
    cotangents = [torch.randn_like(y), torch.randn_like(after)]
    for found, known in zip(*(torch.autograd.grad(o, leaves, cotangents) for o in both), strict=True):
        torch.testing.assert_close(found, known)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_a_number_ends_with_its_segment(form):
    example = Example(time=11, form=form)
    reset = torch.zeros(ROWS, 11, dtype=torch.bool)
    reset[:, 6] = True
    segments = Segments(reset)

    def run(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        x.requires_grad_()
        y, after = causal_convolution(x, example.tail, example.weight, example.bias, segments, **example.options)
        y = y[:, 6:]
        return y, after, torch.autograd.grad(y.sum() + after.sum(), x)[0]

    spoilt = example.x.clone()
    spoilt[:, :6] = float("nan")
    for found, expected in zip(run(spoilt), run(example.x), strict=True):
        assert torch.equal(found, expected)


def test_what_stands_under_the_taps_is_the_same_without_compiled_loops():
    example = Example(11)
    reset = torch.zeros(ROWS, 11, dtype=torch.bool)
    reset[0, [3, 4]] = reset[1, -1] = True
    arguments = (example.x, example.tail, example.weight, example.bias, Segments(reset))
    with ALL_FORMS.use("taps"):
        found = causal_convolution(*arguments, **example.options)
        with without_compiled_loops():
            torch.testing.assert_close(found, causal_convolution(*arguments, **example.options))


@pytest.mark.parametrize("name", ["taps", "compiled"])
def test_gradients_by_compiled_loops_have_gradients(name):
    example = Example(5, taps=2, form=ONLY[name])
    segments = Segments(torch.tensor([[False, False, True, False, False]] * ROWS))
    leaves = [x.requires_grad_() for x in (example.x, example.tail, example.weight, example.bias)]
    with ALL_FORMS.use(name):
        assert torch.autograd.gradgradcheck(
            lambda *a: causal_convolution(*a, segments, **example.options)[0], leaves, fast_mode=True
        )
