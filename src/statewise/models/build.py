"""From a ModelConfig to a model."""

from typing import Protocol

from statewise.combine.blocks import Blocks
from statewise.combine.dropout import Dropout
from statewise.combine.feed_forward import FeedForward
from statewise.combine.parametrised import drop_connect, norm_weights, recurrent_weights
from statewise.combine.pointwise import Embed, Pointwise
from statewise.combine.residual import make_norm
from statewise.contract import InputForm, Model, SequenceLayer
from statewise.errors import UserError
from statewise.models.blocks.table import find_block
from statewise.models.config import ModelConfig
from statewise.modules.linear import Linear


class MakeLayer(Protocol):
    """Makes the layer for the block of that number, counted from 0."""

    def __call__(self, *, input_size: int, hidden_size: int, number: int) -> SequenceLayer: ...


def build_model(config: ModelConfig, make_layer: MakeLayer, input_form: InputForm, output_size: int) -> Model:
    """The model that ``config`` describes, for a task's input form and output size.

    Args:
        config: the complete description.
        make_layer: makes the layers, the catalog's or a user's own.
        input_form: what the task puts in.
        output_size: how many numbers the task reads out at a position.

    Returns:
        Embedding, blocks and head as one ``Model``; itself a ``SequenceLayer``.

    Raises:
        UserError: if there is no such block, or no recurrent weight that the config would have dropped or normed.
    """
    block = find_block(config.block)
    embedding = Embed(input_form, width=config.width)
    blocks: list[list[SequenceLayer]] = []
    end: list[SequenceLayer] = []
    width = config.width
    regularised = config.weight_norm == "none" and not config.drop_connect
    for number in range(config.depth):
        layer = make_layer(input_size=width, hidden_size=config.width, number=number)
        regularised = _with_regularised_weights(config, layer) or regularised
        blocks.append(_dropout(config, width) + block.around([layer, *_feed_forward(config)], config.norm))
        width = blocks[-1][-1].output_size
    if not regularised:
        raise UserError(
            f"{config.layer} has no recurrent weight matrix for drop_connect or weight_norm; leave them at 0 and none, "
            "or take a layer that has one, such as lstm"
        )
    if block.norm_at_end:
        end.append(Pointwise(make_norm(config.norm, width), input_size=width, output_size=width))
    end += _dropout(config, width)
    return Model(Blocks(blocks, end), Linear(width, output_size), output_size, embedding=embedding)


def _with_regularised_weights(config: ModelConfig, layer: SequenceLayer) -> bool:
    """Norm the recurrent weights of a layer, and drop some of what comes of that; whether there are any."""
    weights = recurrent_weights(layer)
    if config.weight_norm != "none":
        norm_weights(layer, weights, kind=config.weight_norm, bound=config.spectral_bound)
    if config.drop_connect:
        drop_connect(layer, weights, rate=config.drop_connect)
    return bool(weights)


def _dropout(config: ModelConfig, width: int) -> list[SequenceLayer]:
    """Dropout, where the model has it."""
    variational = config.dropout_mask == "sequence"
    return [Dropout(width=width, rate=config.dropout, variational=variational)] if config.dropout else []


def _feed_forward(config: ModelConfig) -> list[SequenceLayer]:
    """The feed-forward part of a block, where it has one."""
    inner = max(1, round(config.feed_forward * config.width))
    return [FeedForward(width=config.width, inner=inner)] if config.feed_forward else []
