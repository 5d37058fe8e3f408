"""From a ModelConfig to a model."""

from collections.abc import Callable
from typing import Any

from torch import nn

from statewise.combine.dropout import Dropout
from statewise.combine.pointwise import Embed, FeedForward, Pointwise
from statewise.combine.residual import PreNorm, Residual, make_norm
from statewise.combine.stack import Stack
from statewise.contract import InputForm, Model, SequenceLayer
from statewise.models.config import ModelConfig

MakeLayer = Callable[[int, int, dict[str, Any]], SequenceLayer]
"""(width, number of the block, options) -> layer: the catalog's or a user's own"""


def build_model(config: ModelConfig, make_layer: MakeLayer, input_form: InputForm, output_size: int) -> Model:
    """The model that ``config`` describes, for a task's input form and output size.

    Args:
        config: the complete description.
        make_layer: makes one layer of the configured kind (``statewise.models.resolve.layer_maker``).
        input_form: what the task puts in.
        output_size: how many numbers the task reads out at a position.

    Returns:
        Embedding, blocks and head as one ``Model``; itself a ``SequenceLayer``.
    """
    embedding = Embed(input_form, width=config.width)
    parts: list[SequenceLayer] = []
    for number in range(config.depth):
        if config.dropout:
            parts.append(Dropout(width=config.width, rate=config.dropout))
        layer = make_layer(config.width, number, config.options)
        parts += [layer] if config.block == "plain" else _residual_block(config, layer)
    if config.block == "residual":
        norm = make_norm(config.norm, config.width)
        parts.append(Pointwise(norm, input_size=config.width, output_size=config.width))
    if config.dropout:
        parts.append(Dropout(width=config.width, rate=config.dropout))
    head = nn.Linear(parts[-1].output_size, output_size)
    return Model(Stack(parts), head, output_size, embedding=embedding)


def _residual_block(config: ModelConfig, layer: SequenceLayer) -> list[SequenceLayer]:
    block: list[SequenceLayer] = [Residual(PreNorm(layer, norm=config.norm))]
    if config.feed_forward:
        inner = max(1, round(config.feed_forward * config.width))
        block.append(Residual(PreNorm(FeedForward(width=config.width, inner=inner), norm=config.norm)))
    return block
