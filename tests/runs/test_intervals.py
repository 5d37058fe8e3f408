"""Predictive intervals: what they hold of a series whose noise is known, and whom they are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import statewise
from statewise.cli.dispatch import run as say
from statewise.errors import UserError
from statewise.models.config import ModelConfig
from statewise.runs.config import RunConfig
from statewise.runs.folder import LoadedRun, load_run
from statewise.runs.forecasting import forecast_next
from statewise.runs.intervals import Intervals
from statewise.runs.predictive import inside_interval, interval_of_sums
from statewise.runs.residuals import validation_residuals
from statewise.runs.training import train_run
from statewise.tasks.resolve import make_task
from statewise.train.config import TrainConfig
from statewise.train.evaluation import answers

HORIZON = 2


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """A random walk with steps of deviation 1, which nobody can forecast better than by its last value."""
    return np.random.default_rng(0).standard_normal(3000).cumsum()


@pytest.fixture(scope="module")
def folder(walk: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two runs on the walk, one with dropout and one without."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "walk.csv").write_text("\n".join(["level", *(f"{value}" for value in walk)]) + "\n")
    train = TrainConfig(steps=1, batch_size=2, evaluate_every=1)
    for name, dropout in (("run", 0.5), ("plain", 0.0)):
        model = ModelConfig(layer="gru", width=8, depth=1, dropout=dropout)
        config = RunConfig("forecast", model, train, {"source": str(folder / "walk.csv"), "horizon": HORIZON})
        train_run(config, folder / name, command="-")
    return folder


def sure(folder: Path) -> LoadedRun:
    """A run whose head says as good as nothing: that the series stays as it is."""
    found = load_run(folder)
    with torch.no_grad():
        found.model.head.weight.mul_(1e-6)  # type: ignore[union-attr, operator]
        found.model.head.bias.zero_()  # type: ignore[union-attr, operator]
    return found


@pytest.fixture
def run(folder: Path) -> LoadedRun:
    return sure(folder / "run")


@pytest.mark.parametrize(("kind", "samples"), [("run", 50), ("plain", 0)])
def test_of_a_sure_model_they_are_the_errors_on_validation(kind: str, samples: int, folder: Path, walk: np.ndarray):
    found = forecast_next(sure(folder / kind), intervals=Intervals(level=0.8))
    assert found.intervals == Intervals(samples=samples, level=0.8)
    valid = walk[2100:2550]
    assert found.values["level"] == pytest.approx([walk[-1]] * HORIZON, abs=1e-3)
    assert found.before["level"] == pytest.approx(walk[-30:])
    for ahead in range(1, HORIZON + 1):
        steps = valid[ahead:] - valid[:-ahead]
        ordered = np.sort(steps[: len(valid) - HORIZON])
        low, high = ordered[44 - 1], ordered[-44]  # 44 = floor((448 + 1) * 0.1)
        assert found.lower["level"][ahead - 1] - walk[-1] == pytest.approx(low, abs=2e-3)
        assert found.upper["level"][ahead - 1] - walk[-1] == pytest.approx(high, abs=2e-3)
        assert low == pytest.approx(-1.2816 * ahead**0.5, abs=0.3)


@pytest.mark.parametrize("kind", ["run", "plain"])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_they_hold_what_they_say(kind: str, folder: Path, walk: np.ndarray, level: float):
    found = forecast_next(sure(folder / kind), intervals=Intervals(level=level))
    for ahead in range(1, HORIZON + 1):
        steps = walk[2550 + ahead :] - walk[2550:-ahead]
        inside = (found.lower["level"][ahead - 1] - walk[-1] <= steps) & (
            steps <= found.upper["level"][ahead - 1] - walk[-1]
        )
        assert inside.mean() == pytest.approx(level, abs=0.08)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_without_dropout_they_stand_around_what_the_model_says_and_hold_their_share(folder: Path, level: float):
    """The share that they hold of the test part is counted anew from what they are: outputs, and errors in order."""
    said, run = forecast_next(load_run(folder / "plain")), load_run(folder / "plain")
    found = forecast_next(run, intervals=Intervals(level=level))
    assert found.values == said.values
    task = make_task(run.config.task, run.config.task_options)
    errors = {
        split: torch.cat([(b.targets - y)[b.weights > 0] for y, b in answers(run.model, task, split, batch_size=2)])
        for split in ("valid", "test")
    }
    rank = int((len(errors["valid"]) + 1) * (1 - level) / 2 + 1e-9)
    ordered = errors["valid"].sort(dim=0).values
    scale = torch.tensor(run.preprocessing["scales"][""]["changes"]["scale"]).flatten()
    for edge, errors_there in ((found.lower, ordered[rank - 1]), (found.upper, ordered[-rank])):
        assert edge["level"] == pytest.approx(
            (torch.tensor(said.values["level"]) + errors_there * scale).tolist(), abs=1e-3
        )
    held = statewise.evaluate_run(folder / "plain", Intervals(level=level))
    inside = (ordered[rank - 1] <= errors["test"]) & (errors["test"] <= ordered[-rank])
    assert held["interval"] == {
        "level": level,
        "samples": 0,
        "held": pytest.approx(inside.double().mean()),
        "pooled": [],
    }
    assert held["interval"]["held"] == pytest.approx(level, abs=0.05)
    assert "thinned" not in held


def test_a_model_with_dropout_may_be_asked_for_those_without(folder: Path):
    found = forecast_next(load_run(folder / "run"), intervals=Intervals(samples=0))
    assert found.values == forecast_next(load_run(folder / "run")).values
    assert found.lower["level"][0] < found.values["level"][0] < found.upper["level"][0]


def test_they_add_what_models_and_errors_vary_by():
    """Sums of two independent normal parts vary as normal numbers of both variances together."""
    generator = torch.Generator().manual_seed(0)
    samples = 5 + 3 * torch.randn(400, 2, generator=generator)
    errors = 4 * torch.randn(400, 2, generator=generator)
    lower, upper = interval_of_sums(samples, errors, 0.9)
    assert lower == pytest.approx([5 - 1.645 * 5] * 2, abs=0.8)
    assert upper == pytest.approx([5 + 1.645 * 5] * 2, abs=0.8)


def test_what_is_inside_is_what_lies_between_the_edges():
    generator = torch.Generator().manual_seed(0)
    samples, errors = torch.randn(7, 30, 2, generator=generator), torch.randn(50, 2, generator=generator)
    targets = 2 * torch.randn(30, 2, generator=generator)
    found = inside_interval(samples, errors, targets, 0.8)
    for place, target in enumerate(targets):
        low, high = interval_of_sums(samples[:, place], errors, 0.8)
        assert torch.equal(found[place], (low <= target) & (target <= high))
    assert 0.2 < found.double().mean() < 0.8


@pytest.mark.parametrize("count", [19, 30, 200])
@pytest.mark.parametrize("models", [1, 7])
def test_few_errors_hold_no_less_than_they_say(count: int, models: int):
    """Split conformal prediction: over many draws of errors, one more lies inside as often as is said, or more."""
    generator = torch.Generator().manual_seed(0)
    errors, more = torch.randn(count, 4000, generator=generator), torch.randn(4000, generator=generator)
    lower, upper = interval_of_sums(torch.zeros(models, 4000), errors, 0.9)
    rank = int((count + 1) * 0.05 + 1e-9)
    held = ((lower <= more) & (more <= upper)).double().mean()
    assert held == pytest.approx(1 - 2 * rank / (count + 1), abs=0.015)
    assert torch.equal(lower, errors.sort(dim=0).values[rank - 1].double())


def test_a_validation_part_that_is_too_short_is_told_of(tmp_path: Path):
    """12 of 80 rows validate: 10 answers of 2 rows, of which 5 share none, too few for nine in ten, not for a half."""
    (tmp_path / "few.csv").write_text("\n".join(["level", *(f"{k * k % 17}" for k in range(80))]) + "\n")
    train = TrainConfig(steps=1, batch_size=2, evaluate_every=1)
    model = ModelConfig(layer="gru", width=8, depth=1, dropout=0.5)
    config = RunConfig("forecast", model, train, {"source": str(tmp_path / "few.csv"), "horizon": HORIZON})
    train_run(config, tmp_path / "run", command="-")
    told = {
        level: forecast_next(load_run(tmp_path / "run"), intervals=Intervals(level=level)).notes for level in (0.5, 0.9)
    }
    assert told[0.5] == []
    assert [note for note in told[0.9] if "too short for intervals that hold 90 %: they hold less" in note]


def test_an_unsure_model_has_wider_ones(run: LoadedRun):
    sure = forecast_next(run, intervals=Intervals())
    with torch.no_grad():
        run.model.head.weight.mul_(1e8)  # type: ignore[union-attr, operator]
    unsure = forecast_next(run, intervals=Intervals(samples=200))
    widths = [found.upper["level"][0] - found.lower["level"][0] for found in (sure, unsure)]
    assert widths[1] > 2 * widths[0]


def test_errors_are_those_of_the_validation_part(run: LoadedRun, walk: np.ndarray):
    errors = validation_residuals(run).of("", 0.9)
    scale = np.array(run.preprocessing["scales"][""]["changes"]["scale"])
    assert errors.shape == (450 - HORIZON, HORIZON)
    assert errors[:, 0].numpy() * scale == pytest.approx(walk[2101:2549] - walk[2100:2548], abs=1e-3)


def test_the_same_seed_gives_the_same(folder: Path):
    first, again, other = (
        statewise.forecast_rows(folder / "run", intervals=Intervals(samples=5, seed=seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.values != other.values


def test_the_command_shows_them_and_says_what_they_are(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert say(["forecast", str(folder / "run"), "--samples", "20", "--interval", "0.75", "--json"]) == 0
    said = capsys.readouterr().out
    assert all(column in said for column in ("level lower", "level upper"))
    assert "75 % of what 20 models with units dropped out say, each with the errors made on the validation part" in said
    assert '"lower": {"level": [' in said
    assert f"report: {folder / 'run' / 'forecast.html'}" in said
    page = (folder / "run" / "forecast.html").read_text()
    assert "Forecast by run" in page
    assert "Intervals by Monte Carlo dropout" in page
    assert f"statewise forecast {folder / 'run'} --samples 20 --interval 0.75 --json" in page
    assert say(["forecast", str(folder / "run")]) == 0
    assert "lower" not in capsys.readouterr().out


def test_without_dropout_the_command_says_that_they_are_conformal(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert say(["forecast", str(folder / "plain"), "--interval", "0.75"]) == 0
    said = capsys.readouterr().out
    assert "level lower" in said
    assert "have 75 % between them (split conformal prediction)" in said
    page = (folder / "plain" / "forecast.html").read_text()
    assert "Intervals by split conformal prediction" in page
    assert "dropout" not in page
    assert say(["evaluate", str(folder / "plain"), "--interval", "0.75"]) == 0
    said = capsys.readouterr().out
    assert "of the test part (split conformal prediction)" in said
    assert "thinned" not in said


def test_evaluation_tells_what_share_they_hold(folder: Path, capsys: pytest.CaptureFixture[str]):
    """Of a series whose noise stays what it was, about what they promise; each part as the models say it."""
    assert say(["evaluate", str(folder / "run"), "--samples", "20", "--interval", "0.75"]) == 0
    said = capsys.readouterr().out
    assert "test, mean of 20 thinned" in said
    told = statewise.evaluate_run(folder / "run", Intervals(samples=20, level=0.75))["interval"]
    assert f"to hold 75 % of what comes hold {100 * told['held']:.1f} % of the test part (Monte Carlo dropout)" in said
    assert told["held"] == pytest.approx(0.75, abs=0.1)
    assert not {"thinned", "interval"} & statewise.evaluate_run(folder / "run").keys()


def test_thinned_models_without_dropout_are_refused(folder: Path):
    with pytest.raises(UserError, match=r"one without dropout does.* or leave the samples out: intervals need none"):
        forecast_next(load_run(folder / "plain"), intervals=Intervals(samples=50))
    with pytest.raises(UserError, match="one without dropout does"):
        statewise.evaluate_run(folder / "plain", Intervals(samples=50))


def test_where_there_are_neither_numbers_nor_dropout_they_are_refused(tmp_path: Path):
    model = ModelConfig(layer="gru", width=8, depth=1)
    train_run(RunConfig("parity", model, TrainConfig(steps=1, batch_size=2)), tmp_path / "run", command="-")
    with pytest.raises(UserError, match="parity asks for no numbers, which alone have intervals"):
        statewise.evaluate_run(tmp_path / "run", Intervals())


def test_without_the_data_they_are_refused(run: LoadedRun, tmp_path: Path):
    other = tmp_path / "other.csv"
    other.write_text("level\n" + "\n".join(f"{value % 7}" for value in range(3000)) + "\n")
    config = replace(run.config, task_options={**run.config.task_options, "source": str(other)})
    with pytest.raises(UserError, match=r"not what they were .* leave intervals out"):
        validation_residuals(replace(run, config=config))


@pytest.mark.parametrize(
    ("options", "cause"),
    [({"samples": 1}, "at least 2"), ({"samples": -1}, "at least 2"), ({"level": 1.0}, "between 0 and 1")],
)
def test_numbers_that_make_no_sense_are_refused(options: dict[str, float], cause: str):
    with pytest.raises(UserError, match=cause):
        Intervals(**options)  # type: ignore[arg-type]
