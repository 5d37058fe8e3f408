"""The TCN block against its authors' construction out of torch's modules."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from statewise import laws, tree
from statewise.layers.convolution.temporal_block import TemporalBlock

TIME = 60


class ChompedBlock(nn.Module):
    """The block as published: torch's convolutions padded on both sides, the surplus cut off on the right."""

    def __init__(self, input_size: int, hidden_size: int, kernel_size: int, dilation: int, weight_norm: bool) -> None:
        super().__init__()
        self.surplus = (kernel_size - 1) * dilation
        options = {"padding": self.surplus, "dilation": dilation}
        self.first = nn.Conv1d(input_size, hidden_size, kernel_size, **options)
        self.second = nn.Conv1d(hidden_size, hidden_size, kernel_size, **options)
        if weight_norm:
            self.first, self.second = (parametrizations.weight_norm(part) for part in (self.first, self.second))
        self.skip = nn.Linear(input_size, hidden_size) if input_size != hidden_size else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        inner = x.transpose(1, 2)
        for convolution in (self.first, self.second):
            whole = convolution(inner)
            inner = F.relu(whole[:, :, : whole.shape[2] - self.surplus])
        return F.relu(inner.transpose(1, 2) + self.skip(x))


def random_input(batch: int = 3, time: int = TIME, size: int = 3) -> Tensor:
    return torch.randn(batch, time, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def make(*, input_size: int = 3, hidden_size: int = 4, **options) -> TemporalBlock:
    torch.manual_seed(0)
    return TemporalBlock(input_size=input_size, hidden_size=hidden_size, **options).double()


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 1},
        {"kernel_size": 2, "dilation": 3, "dropout": 0.3},
        {"kernel_size": 3, "dilation": 5, "weight_norm": False},
        {"kernel_size": 3, "input_size": 4},
    ],
)
def test_keeps_the_laws(options):
    laws.check(TemporalBlock(**{"input_size": 3, "hidden_size": 4, **options}))


@pytest.mark.parametrize("weight_norm", [True, False])
@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (2, 1), (3, 4), (7, 16)])
@pytest.mark.parametrize("input_size", [3, 4])
def test_equals_the_published_block_with_gradients(input_size, kernel_size, dilation, weight_norm):
    block = make(input_size=input_size, kernel_size=kernel_size, dilation=dilation, weight_norm=weight_norm)
    published = ChompedBlock(input_size, 4, kernel_size, dilation, weight_norm).double()
    published.load_state_dict(block.state_dict())
    x = random_input(size=input_size)
    y, expected = block(x)[0], published(x)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-12)
    y.square().sum().backward()
    expected.square().sum().backward()
    for (name, ours), theirs in zip(block.named_parameters(), published.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=1e-10, msg=lambda m, name=name: f"{name}: {m}")


def test_sees_just_the_taps_of_its_two_convolutions():
    block = make(kernel_size=3, dilation=4)
    with torch.no_grad():
        block.first.bias.fill_(1.0)  # no unit is silent
        block.second.bias.fill_(1.0)
    x = random_input(batch=1).requires_grad_()
    (gradient,) = torch.autograd.grad(block(x)[0][0, 50].sum(), x)
    seen = {50 - step for step in gradient[0].abs().sum(dim=1).nonzero().flatten().tolist()}
    assert seen <= {0, 4, 8, 12, 16}
    assert {0, 16} <= seen


def test_nothing_leaks_into_the_past_of_a_long_sequence():
    block = make(kernel_size=7, dilation=2).float()
    x = random_input(time=400).float()
    poisoned = x.clone()
    poisoned[:, 250:] = float("nan")
    poisoned[1] = float("nan")
    clean, seen = block(x)[0], block(poisoned)[0]
    torch.testing.assert_close(seen[[0, 2], :250], clean[[0, 2], :250], rtol=0, atol=1e-6)
    assert seen[:, 250:].isnan().all()


def test_dropout_of_any_chunks_is_that_of_the_whole():
    block = make(kernel_size=3, dilation=4, dropout=0.4).train()
    x, start = random_input(), block.initial_state(3)
    whole, final = block(x, start)
    state, parts = start, []
    for part in x.split([1, 0, 20, 37, 2], dim=1):
        y, state = block(part, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-12)
    for leaf, expected in zip(tree.leaves(state), tree.leaves(final), strict=True):
        torch.testing.assert_close(leaf, expected, rtol=0, atol=1e-12)


def test_dropout_is_drawn_anew_for_each_row_and_beginning_and_for_both_convolutions():
    block = make(kernel_size=1, input_size=200, hidden_size=200, weight_norm=False, dropout=0.25).train()
    with torch.no_grad():
        for convolution in (block.first, block.second):
            convolution.weight.copy_(torch.eye(200).unsqueeze(-1))
            convolution.bias.zero_()
    x = torch.ones(2, 50, 200, dtype=torch.float64)
    branch = block(x)[0] - x
    rates = {value: float((branch == value).double().mean()) for value in branch.unique().tolist()}
    assert sorted(rates) == pytest.approx([0.0, (4 / 3) ** 2])
    assert rates[0.0] == pytest.approx(1 - 0.75**2, abs=0.02), "one mask for both would drop 0.25"
    assert (branch[0] != branch[1]).any()
    assert (block(x)[0] - x != branch).any()
    torch.testing.assert_close(block.eval()(x)[0], 2 * x)


def test_the_state_costs_its_two_tails():
    block = make(kernel_size=3, dilation=4).float()
    _, state = block(random_input().float())
    assert tree.nbytes(state) == 3 * (8 * (3 + 4) * 4 + 2 * 8)
    for leaf in tree.leaves(state):
        assert leaf.untyped_storage().nbytes() == leaf.numel() * leaf.element_size()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kernel_size": 0}, "kernel_size and dilation must be at least 1, got 0 and 1"),
        ({"dilation": 0}, "kernel_size and dilation must be at least 1, got 3 and 0"),
        ({"dropout": 1.0}, "dropout must be at least 0 and below 1, got 1.0"),
        ({"dropout": -0.1}, "dropout must be at least 0 and below 1, got -0.1"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        make(**options)


def test_the_skip_starts_small_and_the_filters_as_torchs():
    layer = TemporalBlock(input_size=60, hidden_size=50)
    assert float(layer.skip.weight.detach().std()) == pytest.approx(0.01, rel=0.1)
    bound = 1 / math.sqrt(60 * 3)
    assert 0.9 * bound < float(layer.first.weight.detach().abs().max()) <= bound * (1 + 1e-5)
