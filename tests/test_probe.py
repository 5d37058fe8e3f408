"""Recorders of side outputs: one shape whatever the gear, one place a module, silent when closed."""

import pytest
import torch
from torch import nn

from statewise import probe
from statewise.combine.pointwise import Embed
from statewise.combine.residual import PreNorm, Residual
from statewise.combine.stack import Stack
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
