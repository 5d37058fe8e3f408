"""Bidirectional against torch.nn.LSTM on packed sequences, in float64."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from statewise import laws
from statewise.combine.bidirectional import Bidirectional, reverse_within
from statewise.contract import SequenceLayer, Timed, Tokens, Vectors
from statewise.layers.recurrent.lstm import LSTM


def _theirs_and_ours() -> tuple[nn.LSTM, Bidirectional]:
    torch.manual_seed(0)
    theirs = nn.LSTM(3, 4, batch_first=True, bidirectional=True).double()
    ours = Bidirectional(LSTM(input_size=3, hidden_size=4), LSTM(input_size=3, hidden_size=4)).double()
    for suffix, layer in (("", ours.forward_layer), ("_reverse", ours.backward_layer)):
        layer.load_state_dict({name: getattr(theirs, name + suffix) for name in layer.state_dict()})
    return theirs, ours


def test_equals_torch_on_packed_sequences_and_so_do_the_gradients():
    theirs, ours = _theirs_and_ours()
    lengths = torch.tensor([4, 9, 1, 6, 9])
    x = torch.randn(5, 9, 3, dtype=torch.float64, requires_grad=True)
    packed, _ = theirs(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
    expected, _ = pad_packed_sequence(packed, batch_first=True, total_length=9)
    found = ours(x, lengths)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    cotangent = torch.randn_like(expected)
    (expected_gradient,) = torch.autograd.grad((expected * cotangent).sum(), x)
    (found_gradient,) = torch.autograd.grad((found * cotangent).sum(), x)
    torch.testing.assert_close(found_gradient, expected_gradient, rtol=0, atol=1e-12)


def test_a_row_without_a_step_is_zero():
    _, ours = _theirs_and_ours()
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    assert not ours(x, torch.tensor([0, 5]))[0].any()
    assert not ours(x, torch.tensor([0, 0])).any()


def test_reversing_twice_is_nothing():
    lengths = torch.tensor([0, 1, 4, 7])
    x = torch.randn(4, 7, 2)
    once = reverse_within(x, lengths)
    torch.testing.assert_close(once[2, :4], x[2, :4].flip(0), rtol=0, atol=0)
    torch.testing.assert_close(reverse_within(once, lengths), x, rtol=0, atol=0)


def test_it_reads_tokens_too():
    class Sum(SequenceLayer):
        def __init__(self) -> None:
            super().__init__(Tokens(10), output_size=1)

        def initial_state(self, batch_size):
            return self.zeros(batch_size, 1)

        def step(self, x, state):
            return state + x.unsqueeze(1), state + x.unsqueeze(1)

    tokens = torch.tensor([[1, 2, 3], [4, 5, 9]])
    y = Bidirectional(Sum(), Sum())(tokens, torch.tensor([3, 2]))
    assert y.tolist() == [[[1, 6], [3, 5], [6, 3]], [[4, 9], [9, 5], [0, 0]]]


class Clock(SequenceLayer):
    """h_t = h_{t-1} / (1 + a elapsed_t) + x_t"""

    reads_time = True

    def __init__(self) -> None:
        super().__init__(Vectors(3), output_size=3)
        self.rate = nn.Parameter(torch.tensor([0.5, 1.0, 2.0]))

    def initial_state(self, batch_size):
        return self.zeros(batch_size, 3)

    def step(self, x, state):
        h = state / (1 + self.rate * x.elapsed.unsqueeze(1)) + x.values
        return h, h


def test_backward_in_time_the_same_times_lie_between_the_same_steps():
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    elapsed = torch.tensor([[9.0, 1.0, 2.0, 3.0], [9.0, 5.0, 7.0, 7.0]], dtype=torch.float64)
    clock = Clock().double()
    found = Bidirectional(Clock().double(), clock)(Timed(x, elapsed), torch.tensor([4, 2]))[..., 3:]
    backward = torch.tensor([[9.0, 3.0, 2.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(found[:1].flip(1), clock(Timed(x[:1].flip(1), backward))[0])
    backward = torch.tensor([[9.0, 5.0]], dtype=torch.float64)
    torch.testing.assert_close(found[1:, :2].flip(1), clock(Timed(x[1:, :2].flip(1), backward))[0])


def test_one_direction_that_reads_time_is_enough():
    both = Bidirectional(LSTM(input_size=3, hidden_size=4), Clock())
    laws.check(both)
    x = torch.randn(2, 4, 3)
    torch.testing.assert_close(both(x), both(Timed(x, torch.ones(2, 4))), rtol=0, atol=0)
