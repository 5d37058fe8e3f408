"""Blocks by name: each is its equation, flows through the contract, and is found or refused by its name."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from statewise import laws
from statewise.catalog import CATALOG
from statewise.combine.feed_forward import FeedForward
from statewise.combine.stack import Stack
from statewise.contract import Model, SequenceLayer, Tokens, Vectors
from statewise.errors import UserError
from statewise.layers.recurrent.gru import GRU
from statewise.models.blocks.block import Block
from statewise.models.blocks.table import BLOCKS, find_block
from statewise.models.config import ModelConfig
from statewise.models.resolve import build

H = 4


def norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, (x.shape[-1],))


def gate(highway: SequenceLayer, x: Tensor) -> Tensor:
    return torch.sigmoid(F.linear(x, highway.gate.map.weight, highway.gate.map.bias))


def plain(block: list[SequenceLayer], layer: GRU, forward: FeedForward, x: Tensor) -> Tensor:
    return forward(layer(x)[0])[0]


def residual(block: list[SequenceLayer], layer: GRU, forward: FeedForward, x: Tensor) -> Tensor:
    h = x + layer(norm(x))[0]
    return h + forward(norm(h))[0]


def post_norm(block: list[SequenceLayer], layer: GRU, forward: FeedForward, x: Tensor) -> Tensor:
    h = norm(x + layer(x)[0])
    return norm(h + forward(h)[0])


def parallel(block: list[SequenceLayer], layer: GRU, forward: FeedForward, x: Tensor) -> Tensor:
    return x + layer(norm(x))[0] + forward(norm(x))[0]


def highway(block: list[SequenceLayer], layer: GRU, forward: FeedForward, x: Tensor) -> Tensor:
    t = gate(block[0], x)
    h = t * layer(x)[0] + (1 - t) * x
    t = gate(block[1], h)
    return t * forward(h)[0] + (1 - t) * h


def dense(block: list[SequenceLayer], layer: GRU, forward: FeedForward, x: Tensor) -> Tensor:
    h = layer(norm(x))[0]
    return torch.cat([x, h + forward(norm(h))[0]], dim=2)


EQUATIONS = {
    "plain": plain, "residual": residual, "post-norm": post_norm,
    "parallel": parallel, "highway": highway, "dense": dense,
}  # fmt: skip
"""Name -> the block written out by hand"""


def a_block(name: str) -> tuple[list[SequenceLayer], GRU, FeedForward]:
    torch.manual_seed(0)
    layer, forward = GRU(input_size=H, hidden_size=H), FeedForward(width=H, inner=6)
    return BLOCKS[name].around([layer, forward], "layer"), layer, forward


def model_of(name: str, *, depth: int = 3, feed_forward: float = 1.5, dropout: float = 0.0) -> Model:
    torch.manual_seed(0)
    return build(ModelConfig("gru", {}, H, depth, name, "layer", feed_forward, dropout), Vectors(3), 2)


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_its_equation(name: str):
    block, layer, forward = a_block(name)
    x = torch.randn(5, 9, H)
    torch.testing.assert_close(Stack(block)(x)[0], EQUATIONS[name](block, layer, forward, x))


@pytest.mark.parametrize("name", BLOCKS)
def test_a_model_of_it_keeps_the_laws(name: str):
    laws.check(model_of(name, depth=1, dropout=0.2))


@pytest.mark.parametrize("name", BLOCKS)
def test_without_a_feed_forward_part_there_is_none(name: str):
    parts = [type(part) for part in model_of(name, feed_forward=0.0).modules()]
    assert FeedForward not in parts
    assert parts.count(GRU) == 3


@pytest.mark.parametrize("name", BLOCKS)
def test_a_norm_closes_the_stack_where_no_block_puts_out_something_normed(name: str):
    closing = model_of(name).body.layers[-1]
    closes = isinstance(getattr(closing, "function", None), torch.nn.LayerNorm)
    assert closes == BLOCKS[name].norm_at_end == (name in ("residual", "parallel", "dense"))


@pytest.mark.parametrize(("name", "norms"), [("residual", 2), ("post-norm", 2), ("parallel", 1), ("highway", 0)])
def test_each_part_has_its_norm_and_parallel_parts_share_one(name: str, norms: int):
    block, *_ = a_block(name)
    assert sum(isinstance(part, torch.nn.LayerNorm) for part in Stack(block).modules()) == norms


def test_in_a_dense_model_every_layer_reads_the_input_and_all_that_came_before():
    model = model_of("dense", feed_forward=0.0)
    grus = [part for part in model.modules() if isinstance(part, GRU)]
    assert [gru.input_form.size for gru in grus] == [H, 2 * H, 3 * H]
    x = torch.randn(5, 9, 3)
    seen = model.embedding(x)[0]
    for gru in grus:
        seen = torch.cat([seen, gru(norm(seen))[0]], dim=2)
    torch.testing.assert_close(model(x)[0], model.head(norm(seen)))


def test_every_block_that_the_field_builds_is_there():
    assert {entry.block for entry in CATALOG.values()} - {None} <= BLOCKS.keys()


def test_no_block_is_untried():
    assert EQUATIONS.keys() == BLOCKS.keys()


OWN = """
from statewise.combine import Residual
from statewise.models.blocks.block import Block

BARE = Block(lambda parts, norm: [Residual(part) for part in parts], "x + f(x)", "He et al. 2016")
NOTHING = 3
"""


def test_a_block_of_ones_own_is_found_by_its_import_path(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "own_blocks.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert isinstance(find_block("own_blocks:BARE"), Block)
    model = build(ModelConfig("gru", width=4, depth=2, block="own_blocks:BARE"), Tokens(5), 5)
    assert [type(layer).__name__ for layer in model.body.layers] == ["Residual", "Residual"]
    for said, message in (("own_blocks:BARR", "did you mean 'BARE'"), ("own_blocks:NOTHING", "is not a Block")):
        with pytest.raises(UserError, match=message):
            find_block(said)
