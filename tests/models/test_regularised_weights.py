"""What a config says of recurrent weights and of dropout's masks, in training, resumption, use and cost."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from statewise import laws
from statewise.catalog import SEQUENCE_LAYERS
from statewise.combine.dropout import Dropout
from statewise.combine.parametrised import drop_connect, norm_weights, recurrent_weights
from statewise.contract import Model, Tokens, example_input
from statewise.contract.inputs import unbind_time
from statewise.cost.parameters import count_parameters
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.models.resolve import build, make_layer
from statewise.train.monte_carlo import sample_outputs

WITHOUT = {
    name for name, entry in SEQUENCE_LAYERS.items() if not recurrent_weights(make_layer(entry, entry.small))
}  # fmt: skip
"""Layers that have no recurrent weights"""


def model_of(layer: str = "lstm", *, depth: int = 2, **fields: object) -> Model:
    torch.manual_seed(0)
    return build(ModelConfig(layer, width=6, depth=depth, **fields), Tokens(5), 5)  # type: ignore[arg-type]


def made_weights(model: Model) -> list[str]:
    return [
        f"{path}.{w}" for path, m in model.named_modules() if parametrize.is_parametrized(m) for w in m.parametrizations
    ]


@pytest.mark.parametrize("fields", [{"drop_connect": 0.3}, {"weight_norm": "weight"}, {"weight_norm": "spectral"}])
def test_every_recurrent_weight_is_made_and_no_other(fields: dict[str, object]):
    weights = made_weights(model_of(depth=3, block="residual", **fields))
    assert len(weights) == 3
    assert all(name.endswith("layer.layer.weight_hh_l0") for name in weights)


def test_of_a_pattern_those_layers_that_have_some():
    assert len(made_weights(model_of("lru+lstm+gru", depth=3, drop_connect=0.3))) == 2


@pytest.mark.parametrize("fields", [{"drop_connect": 0.3}, {"weight_norm": "spectral"}])
def test_a_model_without_recurrent_weights_is_refused(fields: dict[str, object]):
    with pytest.raises(UserError, match=r"min-gru has no recurrent weight matrix.*such as lstm"):
        model_of("min-gru", **fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [("drop_connect", 1.0), ("drop_connect", -0.1), ("spectral_bound", 0.0), ("weight_norm", "batch")],
)
def test_a_value_that_cannot_be_is_refused(field: str, value: object):
    with pytest.raises(UserError, match=field):
        ModelConfig(**{field: value})  # type: ignore[arg-type]


def test_weight_norm_adds_a_gain_a_row_and_nothing_else_adds_a_weight():
    plain = count_parameters(model_of())
    assert count_parameters(model_of(drop_connect=0.3)) == plain
    assert count_parameters(model_of(weight_norm="spectral")) == plain
    assert count_parameters(model_of(weight_norm="weight")) == plain._replace(body=plain.body + 2 * 4 * 6)


def test_the_spectral_bound_arrives():
    weight = model_of(weight_norm="spectral", spectral_bound=0.7, depth=1).eval().body.layers[0].weight_hh_l0
    torch.testing.assert_close(torch.linalg.matrix_norm(weight.view(4, 6, 6), 2), torch.full((4,), 0.7))


@pytest.mark.parametrize("name", [name for name in SEQUENCE_LAYERS if name not in WITHOUT])
def test_every_layer_that_has_some_is_trained_and_streamed_with_made_weights(name: str):
    entry = SEQUENCE_LAYERS[name]
    layer = make_layer(entry, entry.small)
    norm_weights(layer, recurrent_weights(layer), kind="weight")
    drop_connect(layer, recurrent_weights(layer), rate=0.3)
    x = example_input(layer, 2, 9)
    layer(x)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
    with torch.no_grad():
        whole, _ = layer.eval()(x)
    stream = layer.stepper(layer.initial_state(2))
    streamed = torch.stack([stream(x_t).clone() for x_t in unbind_time(x)], dim=1)
    torch.testing.assert_close(streamed, whole, atol=1e-5, rtol=1e-5)


def test_all_of_it_keeps_the_laws_in_eval_mode():
    fields = {"drop_connect": 0.3, "weight_norm": "weight", "dropout": 0.2, "dropout_mask": "sequence"}
    laws.check(model_of(depth=1, **fields), mode="eval")


def ones_of(model: Model) -> tuple[Dropout, torch.Tensor]:
    """The dropout before the first block, and ones for it."""
    return model.body.layers[0], torch.ones(3, 7, 6)


def test_a_mask_lasts_a_sequence_in_chunks_steps_and_streams():
    dropout, x = ones_of(model_of(dropout=0.5, dropout_mask="sequence"))
    start = dropout.initial_state(3)
    whole, _ = dropout(x, start)
    assert torch.equal(whole, whole[:, :1].expand_as(whole))
    assert len({tuple(row) for row in whole[:, 0].tolist()}) == 3
    first, state = dropout(x[:, :3], start)
    rest, _ = dropout(x[:, 3:], state)
    stream = dropout.stepper(start)
    streamed = torch.stack([stream(x_t).clone() for x_t in x.unbind(1)], dim=1)
    assert torch.equal(torch.cat([first, rest], dim=1), whole)
    assert torch.equal(streamed, whole)
    anew, _ = dropout(x, start, reset=torch.arange(7).expand(3, 7) == 4)
    assert torch.equal(anew[:, :4], whole[:, :4])
    assert not torch.equal(anew[:, 4:], whole[:, 4:])


def test_a_mask_lasts_a_step_unless_it_is_said():
    dropout, x = ones_of(model_of(dropout=0.5))
    y, _ = dropout(x)
    assert not torch.equal(y, y[:, :1].expand_as(y))


def test_thinned_models_drop_weights_of_their_own_and_no_power_iteration_goes_on():
    model = model_of(drop_connect=0.5, weight_norm="spectral", depth=1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    y = sample_outputs(model, torch.randint(5, (2, 7)), samples=6)
    assert len({tuple(sample.flatten().tolist()) for sample in y}) == 6
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_of_a_thinned_model_all_rows_lack_the_same_weights_to_the_end(monkeypatch: pytest.MonkeyPatch):
    model = model_of(drop_connect=0.5, depth=1)
    x = torch.randint(5, (1, 7)).expand(4, -1)
    whole = sample_outputs(model, x, samples=3, seed=2)
    torch.testing.assert_close(whole, whole[:, :1].expand_as(whole))
    monkeypatch.setattr("statewise.train.monte_carlo.STEPS_AT_ONCE", 2)
    torch.testing.assert_close(sample_outputs(model, x, samples=3, seed=2), whole)


def test_a_mean_over_masks_is_the_weight():
    model = model_of(drop_connect=0.4, depth=1)
    layer = model.body.layers[0]
    seen = torch.stack([layer.weight_hh_l0.detach() for _ in range(4000)])
    whole = layer.parametrizations.weight_hh_l0.original.detach()
    error = whole.abs() * (0.4 / 0.6 / 4000) ** 0.5
    assert bool(((seen.mean(0) - whole).abs() < 5 * error + 1e-6).all())


def test_weights_of_a_config_come_back_from_a_state_dict():
    fields = {"drop_connect": 0.3, "weight_norm": "weight"}
    first, second = model_of(**fields), model_of(**fields)
    with torch.no_grad():
        nn.init.normal_(first.body.layers[0].parametrizations.weight_hh_l0.original0)
    second.load_state_dict(first.state_dict())
    x = torch.randint(5, (2, 7))
    assert torch.equal(first.eval()(x)[0], second.eval()(x)[0])
