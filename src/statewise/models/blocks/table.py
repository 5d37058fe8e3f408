"""All blocks by name. A new one is its file and one line here."""

from collections.abc import Mapping

from statewise.errors import UserError, unknown
from statewise.importing import import_object
from statewise.models.blocks.block import Block
from statewise.models.blocks.dense import DENSE
from statewise.models.blocks.highway import HIGHWAY
from statewise.models.blocks.parallel import PARALLEL
from statewise.models.blocks.plain import PLAIN
from statewise.models.blocks.post_norm import POST_NORM
from statewise.models.blocks.residual import RESIDUAL

BLOCKS: Mapping[str, Block] = {
    "plain": PLAIN,
    "residual": RESIDUAL,
    "post-norm": POST_NORM,
    "parallel": PARALLEL,
    "highway": HIGHWAY,
    "dense": DENSE,
}


def find_block(name: str) -> Block:
    """The block of that name, or what stands at ``package.module:NAME``.

    Raises:
        UserError: if there is no such name or module, or what is found there is no ``Block``.

    >>> find_block("highway").equation
    't * f(x) + (1 - t) * x, t = sigmoid(W x + b)'
    """
    if ":" not in name:
        if name not in BLOCKS:
            raise unknown("block", name, BLOCKS)
        return BLOCKS[name]
    found = import_object(name)
    if not isinstance(found, Block):
        raise UserError(f"{name} is not a Block; make one of statewise.models.blocks.block")
    return found
