"""The laws of decoders: kept by what is right, and each planted fault noticed and named."""

import inspect

import pytest
import torch
from torch import nn

from statewise import laws
from statewise.catalog import CATALOG
from statewise.combine.residual import PreNorm, Residual
from statewise.combine.stack import Stack
from statewise.contract import Decoder, Model
from statewise.laws.decoder import SOURCE_LAWS
from statewise.layers.recurrent.gru import GRU

from . import wrong_decoders as wrong

START, EMPTY, PADDING, ALONE = "start", "an empty source", "padding changes nothing", "batch = one by one"
READ, GRADIENTS, GEARS = "the source is read", "gradients", "step = forward"

FAULTS = [
    (wrong.SourceFirst, START, "its leaf 'keys' has shape (7, 5, 4), expected (5, 1, 4); batch is axis 0"),
    (wrong.PlaceForTheEnd, START, "has shape (5, 8, 4), expected (5, 1, 4); batch is axis 0, and an axis that grows"),
    (wrong.SourceOnTheModule, START, "the output after another start"),
    (wrong.SoftmaxOverNothing, EMPTY, "all padding: output: differs by inf"),
    (wrong.DividedByNothing, EMPTY, "the gradient of"),
    (wrong.PaddingIsMarked, EMPTY, "initial_state padded to a source's length: output"),
    (wrong.LooksAtThePadding, PADDING, "more padding: output"),
    (wrong.MeanWithThePadding, PADDING, "more padding: output"),
    (wrong.KeysCentredOverTheBatch, PADDING, "more padding: output"),
    (wrong.SourceForgotten, READ, "the output of row 0 does not depend on its source"),
    (wrong.KeysCut, GRADIENTS, "parameter 'key' is never reached"),
    (wrong.SourceCut, GRADIENTS, "the derivative in the source"),
    (wrong.RowsCentred, ALONE, "row 0 alone with its source"),
    (wrong.ChunksForgetWhatWasSaid, GEARS, "the whole sequence: output"),
]
"""The decoder, the law that notices it first, and the place that the message names"""


@pytest.mark.parametrize(("kind", "law", "place"), FAULTS, ids=[kind.__name__ for kind, _, _ in FAULTS])
def test_the_fault_is_noticed_and_named(kind: type[Decoder], law: str, place: str):
    with pytest.raises(laws.LawBroken) as caught:
        laws.check(kind())
    assert caught.value.law == law
    assert place in str(caught.value)


def test_what_the_faults_break_was_right():
    laws.check(wrong.RightDecoder())


def nested(decoder: Decoder) -> Model:
    body = Stack([GRU(input_size=2, hidden_size=3), decoder, Residual(PreNorm(GRU(input_size=4, hidden_size=4)))])
    return Model(body, nn.Linear(4, 3), 3)


def test_what_holds_a_decoder_is_tried_on_a_source():
    torch.manual_seed(0)
    model = nested(wrong.RightDecoder())
    laws.check(model)
    assert isinstance(model.body.layers[1], Decoder)


def test_a_fault_of_a_decoder_inside_a_model_is_noticed():
    torch.manual_seed(0)
    with pytest.raises(laws.LawBroken, match=f"law '{GEARS}'"):
        laws.check(nested(wrong.ChunksForgetWhatWasSaid()))


def test_every_wrong_decoder_is_tried_and_every_law_of_sources_notices_something():
    written = {
        kind
        for _, kind in inspect.getmembers(wrong, inspect.isclass)
        if issubclass(kind, Decoder) and kind is not Decoder
    }
    assert written - {wrong.RightDecoder} == {kind for kind, _, _ in FAULTS}
    assert {law for _, law, _ in FAULTS} >= set(SOURCE_LAWS)


@pytest.mark.parametrize("name", [name for name, entry in CATALOG.items() if issubclass(entry.layer, Decoder)])
def test_the_decoders_of_the_catalog_keep_the_laws(name: str):
    torch.manual_seed(0)
    entry = CATALOG[name]
    laws.check(entry.layer(**entry.small))
