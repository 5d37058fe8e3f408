"""Deep models trained block by block before they are trained as a whole.

Greedy layer-wise pretraining (Bengio, Lamblin, Popovici & Larochelle 2007, section 3, there unsupervised; for recurrent
stacks and by the task's own loss Hermans & Schrauwen 2013, section 3.2). With N blocks, the first share of the updates
is N equal stages: in stage k the first k blocks run, between the embedding and the one head that all stages share, and
are trained; of dense blocks, zeros stand for what those to come will put beside. ``greedy-frozen`` trains block k and
the head alone, once k > 1, and leaves what lies below as it is. The updates after that train everything together.

Which blocks run is a function of the update's number; a block that comes in begins with an empty memory beside those
whose state is carried on. Validation scores are those of the blocks that run, and a best model is chosen among whole
ones alone.
"""

import math
from collections.abc import Iterator
from itertools import chain

from torch import nn

from statewise.combine.blocks import Blocks
from statewise.contract import Model
from statewise.errors import UserError
from statewise.train.config import TrainConfig


def stage_at(step: int, depth: int, config: TrainConfig) -> int:
    """The stage of update ``step`` (counted from 0): 1 to ``depth``, or ``depth + 1`` where all are trained together.

    >>> config = TrainConfig(steps=12, pretraining="greedy", pretraining_share=0.5)
    >>> [stage_at(step, 3, config) for step in range(8)]
    [1, 1, 2, 2, 3, 3, 4, 4]
    """
    updates = config.pretraining_share * config.steps
    if config.pretraining == "none" or step >= updates:
        return depth + 1
    return min(depth, 1 + math.floor(step * depth / updates))


class Pretraining:
    """Which part of a model runs and is trained at which update; without pretraining always all of it.

    Args:
        model: the whole.
        config: says whether and how long.

    Raises:
        UserError: if the model has no blocks that could be trained one by one, or one alone, or there are fewer updates
            than blocks.
    """

    def __init__(self, model: Model, config: TrainConfig) -> None:
        self.model = model
        self.config = config
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.parts = [] if config.pretraining == "none" else _parts(model, config)

    def model_at(self, step: int) -> Model:
        """What runs in update ``step``: the model itself, or one of its first blocks that shares their parameters."""
        stage = self._stage(step)
        return self.parts[stage - 1] if stage <= len(self.parts) else self.model

    def begin(self, step: int) -> Model:
        """What runs in update ``step``, everything frozen that this update does not train."""
        if self.parts:
            learning = {id(parameter) for parameter in self._learning(self._stage(step))}
            for parameter in self.trained:
                parameter.requires_grad_(id(parameter) in learning)
        return self.model_at(step)

    def end(self) -> None:
        """Leave the model with everything trained that was before."""
        for parameter in self.trained:
            parameter.requires_grad_(True)

    def _stage(self, step: int) -> int:
        return stage_at(step, len(self.parts) + 1, self.config)

    def _learning(self, stage: int) -> Iterator[nn.Parameter]:
        """The parameters that a stage trains."""
        body = self.model.body
        if not isinstance(body, Blocks) or stage > body.depth:
            return self.model.parameters()
        if self.config.pretraining == "greedy" or stage == 1:
            return (self.parts[stage - 1] if stage < body.depth else self.model).parameters()
        top = [*body.block(stage - 1), *body.members()[body.ends[-1] :], self.model.head]
        return chain.from_iterable(part.parameters() for part in top)


def _parts(model: Model, config: TrainConfig) -> list[Model]:
    """The models of the first 1, 2, ... blocks, without the whole.

    Raises:
        UserError: if they cannot be made, or trained in so few updates.
    """
    body = model.body
    if not isinstance(body, Blocks):
        raise UserError(
            f"{type(body).__name__} has no blocks that could be trained one by one; say pretraining=none, or make the "
            "model's body of statewise.combine.blocks.Blocks"
        )
    if body.depth == 1:
        raise UserError(
            f"pretraining={config.pretraining} has no effect on a model of one block; leave it out, or take more "
            "blocks (depth=2)"
        )
    if config.pretraining_share * config.steps < body.depth:
        raise UserError(
            f"{config.pretraining_share:g} of {config.steps} updates are too few to pretrain {body.depth} blocks; take "
            "more steps, a larger pretraining_share, or pretraining=none"
        )
    widths = [body.block(number)[-1].output_size for number in range(body.depth)]
    if max(widths) > widths[-1]:
        raise UserError(
            f"blocks of widths {', '.join(map(str, widths))} cannot share one head, as pretraining has them do: it "
            "reads what the last puts out, so none may be wider; or say pretraining=none"
        )
    bodies = (body.first(blocks) for blocks in range(1, body.depth))
    return [Model(first, model.head, model.output_size, embedding=model.embedding) for first in bodies]
