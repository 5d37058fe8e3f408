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
from statewise.errors import UserError
from statewise.tasks.forecast import Forecast
from statewise.tasks.language import Language
from statewise.tasks.ngram import ngram_loss
from statewise.tasks.resolve import make_task, name_task


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


def written(path: Path, values: np.ndarray) -> str:
    rows = [",".join(f"{value:.17g}" for value in row) for row in values]
    path.write_text("\n".join([",".join(f"c{k}" for k in range(values.shape[1])), *rows]) + "\n")
    return str(path)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(40, 90))
def test_nothing_of_training_depends_on_later_rows(tmp_path_factory, seed: int, horizon: int, rows: int):
    folder = tmp_path_factory.mktemp("series")
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows + 60, 2)).cumsum(axis=0)
    changed = values.copy()
    changed[rows:] = generator.normal(size=(60, 2)) * 1e6
    options = {"horizon": horizon, "train": rows, "valid": 30, "chunk": 16, "target": "c0,c1"}
    before, after = (
        Forecast(source=written(folder / f"{k}.csv", v), **options) for k, v in enumerate((values, changed))
    )
    assert before.preprocessing() == {**after.preprocessing(), "source": before.source}
    for index in range(8):
        one, other = (task.train_batch(index, batch_size=3, seed=seed) for task in (before, after))
        assert all(torch.equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 40), st.sampled_from(["valid", "test"]))
def test_every_forecast_is_scored_against_its_own_rows(tmp_path_factory, seed, horizon, batch_size, split):
    values = np.random.default_rng(seed).normal(size=(200, 2)).cumsum(axis=0)
    source = written(tmp_path_factory.mktemp("series") / "walk.csv", values)
    task = Forecast(source=source, horizon=horizon, target="c1")
    start, end = task.bounds[split]
    seen = []
    for batch in task.evaluation(split, batch_size=batch_size):
        now = batch.inputs.double().numpy() * task.scaler.deviation + task.scaler.mean
        ahead = task.changes.in_units(batch.targets.double().numpy(), now[..., task.targets])
        for row, step in batch.weights.nonzero().tolist():
            place = np.abs(values - now[row, step]).sum(axis=1).argmin()
            assert ahead[row, step, :, 0] == pytest.approx(values[place + 1 : place + 1 + horizon, 1], abs=1e-4)
            seen.append(int(place))
    assert seen == list(range(start, end - horizon))


def test_saying_nothing_is_saying_the_last_value(airline: Forecast):
    from statewise.tasks.scores import add_scores

    batches = list(airline.evaluation("test", batch_size=1))
    said = add_scores([airline.scores(torch.zeros_like(batch.targets), batch) for batch in batches])
    assert said == pytest.approx(dict(airline.baselines()["last value"]), rel=1e-5)


def test_long_splits_are_scored_in_rows_side_by_side(tmp_path: Path):
    values = np.arange(9000.0)[:, None] + np.random.default_rng(0).normal(size=(9000, 1))
    task = Forecast(source=written(tmp_path / "long.csv", values), train=0.6, valid=0.3, horizon=3)
    alone, beside = ([*task.evaluation("valid", batch_size=rows)] for rows in (1, 8))
    assert beside[0].inputs.shape[0] > 1
    assert sum(float(b.weights.sum()) for b in beside) == sum(float(b.weights.sum()) for b in alone) == 2700 - 3
    assert [bool(b.starts.all()) for b in beside] == [True] + [False] * (len(beside) - 1)
    one, other = (
        sorted(v for b in part for v in b.targets[b.weights > 0].flatten().tolist()) for part in (alone, beside)
    )
    assert one == other


def test_columns_without_news_are_left_out(tmp_path: Path):
    values = np.random.default_rng(0).normal(size=(60, 4))
    values[:, 1] = 7.0
    source = written(tmp_path / "four.csv", values)
    assert Forecast(source=source).columns == ["c0", "c2", "c3"]
    assert Forecast(source=source, columns="c2", target="c0").columns == ["c0", "c2"]


def test_a_season_longer_than_the_training_part_is_none(tmp_path: Path):
    values = np.random.default_rng(0).normal(size=(60, 1))
    task = Forecast(source=written(tmp_path / "short.csv", values), season=50)
    assert task.season == 1
    assert any("longer than the training part" in note for note in task.notes)


def test_every_row_of_a_split_counts_once(airline: Forecast):
    start, end = airline.bounds["valid"]
    assert sum(float(b.weights.sum()) for b in airline.evaluation("valid", batch_size=1)) == end - start - 2


SERIES = {
    "ett/ETTh1.csv": ("OT", 24, 7),
    "series/Airline.csv": ("Passengers", 12, 1),
    "series/Lynx.csv": ("0", 1, 1),
    "series/ShampooSales.csv": ("Sales", 12, 1),
    "series/solar.csv": ("solar_gen", 48, 1),
    "series/Uschange.csv": ("Unemployment", 4, 5),
    "series/seatbelts.csv": ("KSI", 12, 1),
    "series/mitdb.csv": ("data", 1, 1),
}
"""File -> target, season and columns that are found"""


@pytest.mark.parametrize("name", SERIES)
def test_a_real_series_is_read_as_a_person_would(name: str, data: Path):
    target, season, columns = SERIES[name]
    task = make_task(*name_task(str(data / name)))
    assert isinstance(task, Forecast)
    assert (task.columns[task.targets[0]], task.season, len(task.columns)) == (target, season, columns)
    baselines = task.baselines()
    assert len(baselines) == (2 if season > 1 else 1)
    assert all(math.isfinite(value) for metrics in baselines.values() for value in metrics.values())
    batch = task.train_batch(0, batch_size=4, seed=0)
    assert bool(batch.targets.isfinite().all())


@pytest.mark.parametrize(
    "name", ["tinyshakespeare/input.txt", "wikitext-2/valid.txt", "names/Czech.txt", "sst_trees/dev.txt"]
)
def test_a_real_text_is_read_whole(name: str, data: Path):
    path = data / name
    task = make_task(*name_task(str(path)))
    assert isinstance(task, Language)
    assert sum(map(len, task.parts.values())) == len(path.read_bytes().decode())
    text = task.vocabulary.decode(task.parts["train"][:200].tolist())
    assert text == path.read_bytes().decode()[:200]


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("rt-polarity/rt-polarity.neg", "line 32. is 0xe9"),
        ("series/santafe_laser.npy", "neither a plain text nor a table"),
        ("multi30k/val.en.gz", "neither a plain text nor a table"),
        ("fsdd/0_george_0.wav", "binary"),
        ("fsdd", "is a folder"),
    ],
)
def test_real_files_that_are_neither_are_refused(name: str, cause: str, data: Path):
    with pytest.raises(UserError, match=cause):
        make_task(*name_task(str(data / name)))


def test_simple_baselines_beat_chance_on_a_text_and_better_ones_with_longer_grams(data: Path):
    task = Language(source=str(data / "tinyshakespeare" / "input.txt"))
    losses = [metrics["loss"] for metrics in task.baselines().values()]
    assert task.chance() > losses[0] > losses[1] > losses[2] > 1.5
    assert task.companions == ("window-mlp",)
