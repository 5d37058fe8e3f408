"""What streams are made of, against torch's own operations."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.ops.cells.ind_rnn import TanhIndRNNCell
from statewise.ops.in_place import InPlace

WIDE = [-1000.0, -80.0, -3.0, -1e-6, 0.0, 1e-6, 0.5, 3.0, 80.0, 1000.0]
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def stream_of(x: Tensor, make) -> Tensor:
    """What one step of a stream makes of an input."""
    stream = InPlace(len(x), x.shape[1], x.dtype)
    stream.ready(make(stream), list)
    return stream(x)


@dtypes
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda s: s.gelu(s.x), F.gelu),
        (lambda s: s.softplus(s.x), F.softplus),
        (lambda s: s.gated(s.x, s.x), F.silu),
        (lambda s: s.times(s.x, s.x), torch.square),
    ],
    ids=["gelu", "softplus", "silu", "square"],
)
def test_nonlinearities_are_those_of_torch_near_and_far_from_zero(make, expected, dtype):
    x = torch.tensor([WIDE, WIDE[::-1]], dtype=dtype)
    torch.testing.assert_close(stream_of(x, make), expected(x))
    x[1, 3] = float("nan")
    y = stream_of(x, make)
    assert y.isnan().nonzero().tolist() == [[1, 3]]


@dtypes
@pytest.mark.parametrize("rows", [1, 7, 8, 17])
@pytest.mark.parametrize(("width", "size"), [(1, 1), (3, 5), (4, 64), (33, 130)])
def test_maps_are_those_of_torch(rows, width, size, dtype):
    x, weight, other = (torch.randn(shape, dtype=dtype) for shape in ((rows, width), (size, width), (size, width)))
    bias, scale = torch.randn(size, dtype=dtype), torch.randn(width, dtype=dtype)

    def make(stream: InPlace) -> Tensor:
        y = stream.affine(stream.x, weight, bias)
        stream.add_scaled(stream.x, scale, stream.x)
        stream.add_product(stream.x, other, y)
        return y

    expected = F.linear(x, weight, bias) + F.linear(x + scale * x, other)
    torch.testing.assert_close(stream_of(x, make), expected)


@pytest.mark.parametrize("taps", [1, 2, 5])
def test_a_window_holds_the_last_inputs(taps):
    x, tail = torch.randn(3, 9, 4), torch.randn(3, taps - 1, 4)
    weight, bias = torch.randn(4, taps), torch.randn(4)
    stream = InPlace(3, 4, torch.float32)
    window = stream.window(stream.x, tail)
    stream.ready(stream.convolved(window, weight, bias), lambda: [window[:, 1:]])
    found = torch.stack([stream(x_t).clone() for x_t in x.unbind(1)], dim=1)
    seen = torch.cat([tail, x], dim=1)
    expected = F.conv1d(seen.mT, weight.unsqueeze(1), bias, groups=4).mT
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(stream.leaves[0], seen[:, 9:])


def test_the_room_of_the_output_is_the_same_at_every_step():
    stream = InPlace(1, 2, torch.float32)
    stream.ready(stream.times(stream.x, stream.x), list)
    assert stream(torch.ones(1, 2)).data_ptr() == stream(torch.zeros(1, 2)).data_ptr()


@pytest.mark.parametrize(
    "say",
    [
        lambda stream: stream.affine(stream.x, torch.ones(4, 2)),
        lambda stream: stream.affine(stream.x, torch.ones(4, 3), torch.ones(3)),
        lambda stream: stream.add_product(stream.x, torch.ones(4, 3), stream.x),
        lambda stream: stream.add_scaled(stream.x, torch.ones(2), stream.x),
        lambda stream: stream.convolved(stream.window(stream.x, torch.ones(2, 1, 3)), torch.ones(3, 3), torch.ones(3)),
        lambda stream: stream.linear(torch.ones(4), stream.x, torch.ones(2, 3)),
        lambda stream: stream.elementwise(TanhIndRNNCell(), stream.x.unsqueeze(1), torch.ones(2, 3)),
        lambda stream: stream.selective(stream.x, stream.x, torch.ones(3, 2), stream.x, stream.x, torch.ones(2, 3, 2)),
    ],
    ids=["map", "bias", "product", "scale", "taps", "coefficients", "weights", "selection"],
)
def test_what_does_not_fit_together_is_refused_before_a_loop_reads_past_its_end(say):
    with pytest.raises(ValueError, match="takes"):
        say(InPlace(2, 3, torch.float32))
