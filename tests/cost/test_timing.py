import time

from torch import nn

from statewise.combine.pointwise import Embed, Pointwise
from statewise.contract import Tokens
from statewise.cost.timing import peak_memory_mb, step_latency


class Sleep(nn.Module):
    def forward(self, x):
        time.sleep(0.002)
        return x


def test_the_latency_of_a_step_is_in_microseconds():
    layer = Pointwise(Sleep(), input_size=3, output_size=3).train()
    assert 2000 <= step_latency(layer, repeats=5) < 20_000
    assert layer.training


def test_tokens_can_be_timed():
    assert step_latency(Embed(Tokens(5), width=2), repeats=5) > 0


def test_peak_memory_is_in_megabytes():
    peak = peak_memory_mb()
    assert peak is None or 10 < peak < 100_000
