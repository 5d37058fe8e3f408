"""Real data: streams that go on, splits that do not leak, baselines that can be checked by hand."""

import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise.data.vocabulary import fit_vocabulary, vocabulary_from_json
from statewise.tasks.forecast import Forecast
from statewise.tasks.language import Language
from statewise.tasks.ngram import ngram_loss


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("STATEWISE_DATA")
    if folder is None:
        pytest.skip("STATEWISE_DATA names no folder of datasets")
    return Path(folder)


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


def test_an_epoch_sees_every_place_at_most_once(language: Language):
    from statewise.data.streams import training_window

    windows = [training_window(k, total=1000, rows=3, length=16, seed=1) for k in range(333 // 16)]
    places = torch.cat([window.places.flatten() for window in windows])
    assert len(places.unique()) == len(places)
    assert bool(training_window(333 // 16, total=1000, rows=3, length=16, seed=1).begins.all())


def test_the_whole_split_is_scored(language: Language):
    counted = sum(float(batch.weights.sum()) for batch in language.evaluation("valid", batch_size=1))
    assert counted == len(language.parts["valid"]) - 1


def test_ngrams_against_dictionaries():
    generator = torch.Generator().manual_seed(0)
    train, test = (torch.randint(5, (n,), generator=generator) for n in (400, 60))
    assert ngram_loss(train, test, vocabulary=5, order=3) == pytest.approx(plain_ngrams(train, test, 5, 3), rel=1e-9)


def plain_ngrams(train: torch.Tensor, test: torch.Tensor, vocabulary: int, order: int) -> float:
    seen, asked = train.tolist(), test.tolist()
    counts = [Counter(tuple(seen[i : i + n]) for i in range(len(seen) - n + 1)) for n in range(order + 1)]

    def probability(context: tuple[int, ...], token: int) -> float:
        below = probability(context[1:], token) if context else 1 / vocabulary
        n = len(context) + 1
        after = {gram: count for gram, count in counts[n].items() if gram[:-1] == context}
        total = sum(after.values())
        if total == 0:
            return below
        return max(after.get((*context, token), 0) - 0.75, 0) / total + 0.75 * len(after) / total * below

    places = range(order - 1, len(asked))
    return -sum(math.log(probability(tuple(asked[i - order + 1 : i]), asked[i])) for i in places) / len(places)


@pytest.fixture
def airline(data: Path) -> Forecast:
    return Forecast(source=str(data / "series" / "Airline.csv"), horizon=2)


def test_the_scaler_looks_at_training_rows_alone(airline: Forecast):
    train = airline.values[: airline.bounds["train"][1]]
    assert airline.scaler.mean == pytest.approx(train.mean(axis=0))
    assert airline.season == 12


def test_baselines_by_hand(airline: Forecast):
    start, end = airline.bounds["test"]
    series, season = airline.values[:, 0], airline.season
    train = series[: airline.bounds["train"][1]]
    scale = np.abs(train[season:] - train[:-season]).mean()
    now = np.arange(start, end - 2)
    last = np.mean([np.abs(series[now + h] - series[now]) for h in (1, 2)]) / scale
    seasonal = np.mean([np.abs(series[now + h] - series[now + h - season]) for h in (1, 2)]) / scale
    found = airline.baselines()
    assert found["last value"]["mase"] == pytest.approx(last, rel=1e-5)
    assert found["seasonal naive (season 12)"]["mase"] == pytest.approx(seasonal, rel=1e-5)


def test_training_batches_do_not_know_the_future(airline: Forecast):
    end = airline.bounds["train"][1]
    places = [airline.train_batch(k, batch_size=2, seed=0) for k in range(12)]
    later = torch.from_numpy(airline.scaler.apply(airline.values[end:])).float().flatten()
    answers = torch.cat([batch.targets.flatten() for batch in places])
    assert not bool(torch.isin(answers, later[later > answers.max()]).any())
    assert float(answers.max()) <= float(airline.inputs[:end].max())


def test_every_row_of_a_split_counts_once(airline: Forecast):
    start, end = airline.bounds["valid"]
    assert sum(float(b.weights.sum()) for b in airline.evaluation("valid", batch_size=1)) == end - start - 2


def test_tables_of_all_sorts_can_be_read(data: Path):
    for name in ("Lynx", "ShampooSales", "solar"):
        assert Forecast(source=str(data / "series" / f"{name}.csv")).output_size == 1
