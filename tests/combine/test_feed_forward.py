"""The pointwise part of a block as a stream."""

import pytest
import torch
from torch import nn

from statewise.combine.feed_forward import FeedForward
from statewise.ops.compiled.compiler import without_compiled_loops


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_a_stream_equals_the_step_for_the_rows_that_come(activation, gated):
    layer = FeedForward(width=5, inner=7, activation=activation, gated=gated).double()
    stream = layer.stepper(())
    for rows in (1, 3, 1):
        x = torch.randn(rows, 5, dtype=torch.float64)
        torch.testing.assert_close(stream(x), layer.step(x, ())[0].detach(), rtol=1e-9, atol=1e-9)
    assert stream.state == ()


def test_what_is_not_a_number_stays_so_in_a_stream():
    layer = FeedForward(width=2, inner=3, activation="relu")
    y = layer.stepper(())(torch.tensor([[float("nan"), 1.0], [1.0, 1.0]]))
    assert y.isnan().all(1).tolist() == [True, False]


def test_a_stream_allocates_nothing_where_loops_serve_and_is_plain_elsewhere():
    layer, x = FeedForward(width=4, inner=6), torch.randn(2, 4)
    stream = layer.stepper(())
    assert stream(x).data_ptr() == stream(x).data_ptr()
    with without_compiled_loops():
        plain = layer.stepper(())
        torch.testing.assert_close(plain(x), stream(x))
    half = FeedForward(width=4, inner=6).bfloat16()
    assert half.stepper(())(x.bfloat16()).dtype == torch.bfloat16


def test_a_stream_says_what_it_reads():
    with pytest.raises(ValueError, match="FeedForward reads"):
        FeedForward(width=4, inner=6).stepper(())(torch.randn(2, 3))


@torch.no_grad()
def test_one_whose_parts_are_others_steps_by_them():
    class Softer(FeedForward):
        def _activate(self, x):
            return x.tanh()

    replaced, wrapped = FeedForward(width=4, inner=6), FeedForward(width=4, inner=6)
    replaced.fall = nn.Sequential(replaced.fall, nn.Tanh())
    wrapped.rise = Doubled(wrapped.rise)
    for layer in (Softer(width=4, inner=6), replaced, wrapped):
        x = torch.randn(2, 4)
        assert torch.equal(layer.stepper(())(x), layer.step(x, ())[0])


class Doubled(nn.Module):
    """Has the weights of what it wraps, as adapters do."""

    def __init__(self, base):
        super().__init__()
        self.base, self.weight, self.bias = base, base.weight, base.bias

    def forward(self, x):
        return 2 * self.base(x)
