"""Recorders of side outputs: one value a step whatever the gear, one place a module, silent when closed."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from statewise import probe
from statewise.combine.bidirectional import Bidirectional
from statewise.combine.pointwise import Embed
from statewise.combine.residual import PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.combine.wrapper import Wrapper
from statewise.contract import Model, SequenceLayer, Tokens, Vectors
from statewise.layers.recurrent.gru import GRU

B, T, D = 5, 9, 3


class Decay(SequenceLayer):
    """h_t = h_{t-1} / 2 + x_t"""

    def __init__(self) -> None:
        super().__init__(Vectors(D), output_size=D)

    def initial_state(self, batch_size):
        return self.zeros(batch_size, D)

    def step(self, x, state):
        h = state / 2 + x
        probe.record(self, "h", h)
        return h, h


class AtOnce(Decay):
    """Has a fast path that records nothing, and counts the steps taken."""

    steps = 0

    def step(self, x, state):
        self.steps += 1
        return super().step(x, state)

    def _sequence(self, x, state):
        powers = 0.5 ** torch.arange(x.shape[1] + 1, dtype=x.dtype)
        outputs = [
            powers[t + 1] * state + torch.einsum("btd,t->bd", x[:, : t + 1], powers[: t + 1].flip(0))
            for t in range(x.shape[1])
        ]
        return torch.stack(outputs, dim=1), outputs[-1]


class Doubled(Wrapper):
    """y = 2 layer(x), said to whoever looks."""

    def after(self, x, y):
        probe.record(self, "doubled", 2 * y)
        return 2 * y


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(0))


def test_steps_become_a_sequence_and_chunks_follow_each_other(x):
    layer = Decay()
    y, _ = layer(x)
    with probe.recording(layer) as seen:
        _, middle = layer(x[:, :4])
        layer.step(x[:, 4], middle)
    torch.testing.assert_close(seen[""]["h"], y[:, :5], rtol=0, atol=0)
    layer(x)
    assert seen[""]["h"].shape == (B, 5, D)


def test_layers_of_one_kind_stand_apart_by_their_path(x):
    torch.manual_seed(0)
    body = Stack([GRU(input_size=D, hidden_size=4), Residual(PreNorm(GRU(input_size=4, hidden_size=4)))])
    model = Model(body, nn.Linear(4, 2), 2, embedding=Embed(Tokens(7), width=D))
    with probe.recording(model) as seen:
        model(torch.randint(7, (B, T)))
    assert set(seen) == {"body.layers.0", "body.layers.1.layer.layer"}
    assert all(named["keep_gate"].shape == (B, T, 4) for named in seen.values())
    assert not torch.equal(*(named["keep_gate"] for named in seen.values()))


def test_of_a_part_of_a_model_the_part_alone_is_seen(x):
    first, second = Decay(), Decay()
    with probe.recording(second) as seen:
        Stack([first, second])(x)
    assert list(seen) == [""]


def test_looking_changes_nothing(x):
    layer = Decay()
    with probe.recording(layer):
        looked = layer(x)
    torch.testing.assert_close(looked, layer(x), rtol=0, atol=0)


def test_a_layer_with_a_fast_path_is_stepped_through_while_somebody_looks_and_then_alone(x):
    layer = AtOnce()
    expected = Decay()(x)[0]
    with probe.recording(layer) as seen:
        looked = layer(x)[0]
    assert layer.steps == T
    torch.testing.assert_close(layer(x)[0], expected)
    assert layer.steps == T
    torch.testing.assert_close(looked, expected)
    torch.testing.assert_close(seen[""]["h"], expected)


def test_every_layer_of_a_nest_takes_each_step_once(x):
    layers = [AtOnce() for _ in range(3)]
    model = Model(Stack([layers[0], Doubled(Residual(layers[1])), Doubled(layers[2])]), nn.Linear(D, 2), 2)
    with probe.recording(model) as seen:
        y, _ = model(x)
    assert [layer.steps for layer in layers] == [T, T, T]
    assert list(seen) == [
        "body.layers.0",
        "body.layers.1.layer.layer",
        "body.layers.1",
        "body.layers.2.layer",
        "body.layers.2",
    ]
    torch.testing.assert_close(y, model(x)[0])
    torch.testing.assert_close(model.head(seen["body.layers.2"]["doubled"]), y)


def test_both_directions_are_seen_in_the_order_in_which_they_read(x):
    encoder = Bidirectional(AtOnce(), AtOnce())
    with probe.recording(encoder) as seen:
        y = encoder(x)
    torch.testing.assert_close(seen["forward_layer"]["h"], y[..., :D])
    torch.testing.assert_close(seen["backward_layer"]["h"].flip(1), y[..., D:])


def test_rows_of_another_number_are_another_recording(x):
    layer = Stack([Decay()])
    with probe.recording(layer) as seen:
        layer(x)
        layer(x[:2])
    with pytest.raises(ValueError, match=r"'h' of 'layers.0' was recorded with the shapes \(5, 3\) and \(2, 3"):
        seen["layers.0"]


def test_a_recorder_hears_its_own_thread_alone(x):
    layer = Decay()
    with probe.recording(layer) as seen, ThreadPoolExecutor(1) as other:
        other.submit(layer, x).result()
        assert not other.submit(probe.is_recording).result()
    assert not seen


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_closed_recorder_does_not_break_a_compiled_graph(x):
    compiled = torch.compile(Decay(), backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), Decay()(x))


def test_an_inner_recorder_hides_an_outer_one(x):
    layer = Decay()
    with probe.recording(layer) as outer:
        layer(x[:, :2])
        with probe.recording(layer) as inner:
            layer(x[:, :3])
        layer(x[:, :1])
    assert (outer[""]["h"].shape[1], inner[""]["h"].shape[1]) == (3, 3)


def test_a_recorder_closes_when_the_block_fails():
    with pytest.raises(KeyError), probe.recording(Decay()):
        raise KeyError
    assert not probe.is_recording()
