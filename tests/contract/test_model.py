"""Embedding, body and head as one layer."""

import pytest
import torch
from torch import nn

from statewise.combine.pointwise import Embed, Pointwise
from statewise.combine.stack import Stack
from statewise.contract import Model, Timed, Tokens
from statewise.laws import check

from .small import B, D, Decay, H, T, TimedDecay


def test_reads_its_features_off_at_every_step(lstm, x):
    head = nn.Linear(H, 2)
    model = Model(lstm, head, output_size=2)
    features, state = lstm(x)
    torch.testing.assert_close(model(x), (head(features), state))
    torch.testing.assert_close(model.features(x), (features, state))
    check(model)


def test_embeds_first_and_time_stamps_pass_by_the_embedding():
    torch.manual_seed(0)
    model = Model(TimedDecay(), nn.Linear(D, 2), 2, embedding=Embed(Tokens(7), width=D))
    assert (model.input_form, model.reads_time) == (Tokens(7), True)
    tokens, elapsed = torch.randint(7, (B, T)), torch.rand(B, T)
    features, state = model.body(Timed(model.embedding.table(tokens), elapsed))
    torch.testing.assert_close(model(Timed(tokens, elapsed)), (model.head(features), state))
    check(model)


def test_an_embedding_of_several_layers_is_stepped_through_too(lstm):
    norm = Pointwise(nn.LayerNorm(D), input_size=D, output_size=D)
    check(Model(lstm, nn.Linear(H, 2), 2, embedding=Stack([Embed(Tokens(7), width=D), norm])))


def test_what_does_not_fit_is_refused_with_a_sentence(lstm):
    head = nn.Linear(H, 2)
    with pytest.raises(ValueError, match="an embedding carries no state, Decay does; make it part of the body"):
        Model(lstm, head, 2, embedding=Decay())
    with pytest.raises(ValueError, match=r"puts out width 2, but the body reads Vectors\(size=3\)"):
        Model(lstm, head, 2, embedding=Embed(Tokens(7), width=2))
