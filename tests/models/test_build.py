"""What stands in a model: input side, blocks, head."""

import sys
import types

import pytest
import torch
from torch import Tensor, nn

from statewise import laws
from statewise.combine.dropout import Dropout
from statewise.combine.feed_forward import FeedForward
from statewise.combine.pointwise import Embed, Pointwise
from statewise.combine.residual import PreNorm, Residual
from statewise.combine.wrapper import Wrapper
from statewise.contract import Input, LayerFactory, Tokens, Vectors
from statewise.errors import UserError
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.models.config import ModelConfig
from statewise.models.resolve import build


def kinds(config: ModelConfig) -> list[type]:
    return [type(layer) for layer in build(config, Tokens(9), 4).body.layers]


def test_a_plain_model_is_its_layers():
    assert kinds(ModelConfig(layer="gru", width=6, depth=2)) == [GRU, GRU]


def test_a_residual_model_closes_with_a_norm():
    model = build(
        ModelConfig(layer="gru", width=6, depth=1, block="residual", feed_forward=1.5, norm="rms"), Tokens(9), 4
    )
    recurrent, forward, closing = model.body.layers
    assert isinstance(model.embedding, Embed)
    assert isinstance(recurrent, Residual)
    assert isinstance(recurrent.layer, PreNorm)
    assert isinstance(recurrent.layer.layer, GRU)
    assert isinstance(forward.layer.layer, FeedForward)
    assert forward.layer.layer.rise.out_features == 9
    assert isinstance(closing, Pointwise)
    assert all(isinstance(norm, nn.RMSNorm) for norm in (recurrent.layer.norm, forward.layer.norm, closing.function))


def test_a_residual_model_without_norms_is_the_sum_alone():
    model = build(ModelConfig(layer="gru", width=6, depth=1, block="residual", norm="none"), Vectors(6), 4)
    x = model.embedding(torch.randn(2, 7, 6))[0]
    torch.testing.assert_close(model.body(x)[0], x + model.body.layers[0].layer.layer(x)[0])


@pytest.mark.parametrize(("field", "value", "nearest"), [("block", "residul", "residual"), ("norm", "lyer", "layer")])
def test_a_word_that_is_none_of_those_known_is_refused(field: str, value: str, nearest: str):
    with pytest.raises(UserError, match=f"unknown {field} '{value}'; did you mean '{nearest}'"):
        build(ModelConfig(**{field: value}), Tokens(5), 5)  # type: ignore[arg-type]


class Doubled(Wrapper):
    """y = 2 layer(x), the layer said by a config."""

    def __init__(self, *, input_size: int, hidden_size: int, inner: LayerFactory = GRU) -> None:
        super().__init__(inner(input_size=input_size, hidden_size=hidden_size))

    def after(self, x: Input, y: Tensor) -> Tensor:
        return 2 * y


def test_a_config_wraps_a_layer_by_naming_the_wrapper_and_the_layer_inside(monkeypatch: pytest.MonkeyPatch):
    module = types.ModuleType("my_wrappers")
    module.Doubled = Doubled  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_wrappers", module)
    config = ModelConfig(
        layer="my_wrappers:Doubled",
        options={"inner": {"layer": "lstm", "options": {"forget_bias": 2.0}}},
        width=6,
        depth=1,
    )
    model = build(config, Tokens(9), 4)
    (wrapper,) = model.body.layers
    assert isinstance(wrapper.layer, LSTM)
    assert bool((wrapper.layer.bias_ih_l0[6:12] == 2).all())
    x = torch.randn(2, 7, 6)
    torch.testing.assert_close(wrapper(x)[0], 2 * wrapper.layer(x)[0])
    laws.check(Doubled(input_size=3, hidden_size=4))


def test_dropout_stands_before_every_block_and_the_head():
    assert kinds(ModelConfig(layer="gru", width=6, depth=2, dropout=0.1)) == [Dropout, GRU, Dropout, GRU, Dropout]


def test_a_residual_model_is_its_equation():
    """y = W norm(x + layer(norm(x)) + ...) written out with the parts of the model."""
    torch.manual_seed(0)
    model = build(
        ModelConfig(layer="gru", width=6, depth=1, block="residual", feed_forward=2.0), Vectors(3), 4
    ).double()
    x = torch.randn(2, 7, 3).double()
    recurrent, forward, closing = model.body.layers
    h = model.embedding.table(x)
    h = h + recurrent.layer.layer(recurrent.layer.norm(h))[0]
    inner = forward.layer.layer
    h = h + inner.fall(nn.functional.gelu(inner.rise(forward.layer.norm(h))))
    torch.testing.assert_close(model(x)[0], model.head(closing.function(h)), rtol=1e-12, atol=1e-12)
