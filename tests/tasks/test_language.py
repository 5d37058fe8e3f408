"""A text as a task: streams that go on, tokens that come back, baselines that learn more the more they see."""

import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise.data.vocabulary import fit_vocabulary, vocabulary_from_json
from statewise.errors import UserError
from statewise.tasks.language import Language


@pytest.fixture(scope="module")
def language() -> Language:
    return Language(chunk=32)


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_tokens_of_the_training_text_come_back(text: str):
    for kind in ("characters", "bytes"):
        vocabulary = vocabulary_from_json(fit_vocabulary(kind, text).to_json())
        if "\N{REPLACEMENT CHARACTER}" not in text:
            assert vocabulary.decode(vocabulary.encode(text).tolist()) == text


@pytest.mark.parametrize("kind", ["words", "bpe"])
def test_words_and_pieces_join_back(kind, data: Path):
    text = (data / "tinyshakespeare" / "input.txt").read_text(encoding="utf-8")[:50_000]
    vocabulary = vocabulary_from_json(fit_vocabulary(kind, text).to_json())
    assert vocabulary.decode(vocabulary.encode(text).tolist()) == text
    assert vocabulary.size < 10_001


def test_targets_are_the_next_inputs_and_rows_go_on(language: Language):
    first, second = (language.train_batch(k, batch_size=4, seed=0) for k in (0, 1))
    assert torch.equal(first.inputs[:, 1:], first.targets[:, :-1])
    assert torch.equal(first.targets[:, -1], second.inputs[:, 0])
    assert first.starts is not None
    assert second.starts is not None
    assert bool(first.starts.all())
    assert not bool(second.starts.any())


def test_the_whole_split_is_scored(language: Language):
    counted = sum(float(batch.weights.sum()) for batch in language.evaluation("valid", batch_size=1))
    assert counted == len(language.parts["valid"]) - 1


def test_simple_baselines_beat_chance_on_a_text_and_better_ones_with_longer_grams(data: Path):
    task = Language(source=str(data / "tinyshakespeare" / "input.txt"))
    losses = [metrics["loss"] for metrics in task.baselines().values()]
    assert task.chance() > losses[0] > losses[1] > losses[2] > 1.5
    assert task.companions == ("window-mlp",)


@pytest.mark.parametrize(("valid", "test", "chunk"), [(0.1, 0.1, 64), (0.03, 0.2, 7), (0.4, 0.45, 33)])
def test_a_text_that_is_too_short_is_told_how_long_it_must_be(valid: float, test: float, chunk: int, tmp_path: Path):
    path = tmp_path / "short.txt"
    path.write_text("a b" * 5)
    with pytest.raises(UserError, match="it has 15 tokens") as refused:
        Language(source=str(path), valid=valid, test=test, chunk=chunk)
    needed = int(re.search(r"about ([\d,]+);", str(refused.value))[1].replace(",", ""))
    path.write_text("x" * needed)
    assert Language(source=str(path), valid=valid, test=test, chunk=chunk).longest_context() == chunk
    path.write_text("x" * round(0.7 * needed))
    with pytest.raises(UserError, match="too short"):
        Language(source=str(path), valid=valid, test=test, chunk=chunk)
