"""``statewise bench``, at the smallest sizes: what is told and left, not how long it took."""

import json
from pathlib import Path

import pytest
from rich.console import Console

import statewise
from statewise.cli import bench
from statewise.cli.dispatch import parse, run
from statewise.cost.bench.config import BenchConfig
from statewise.cost.waiting import Waiting
from statewise.errors import UserError
from statewise.models.bare import bare_layer
from statewise.models.resolve import pattern_of

SMALL = ["--batch", "1", "--length", "3", "--width", "8", "--rounds", "2"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statewise.cost.bench.clock.SHORTEST", 0.0)
    monkeypatch.setattr("statewise.cost.bench.machine.SIZES", (2**12, 2**16))
    monkeypatch.setattr("statewise.cost.bench.machine.PRODUCTS", {"cpu": (16,)})


def test_a_bench_prints_a_table_for_each_gear_and_leaves_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(bench, "console", lambda: Console(width=100))
    folder = tmp_path / "speed"
    assert run(["bench", "gru,lru+attention", *SMALL, "--out", str(folder), "--json"]) == 0
    said = capsys.readouterr().out
    *tables, last = said.splitlines()
    assert max(map(len, tables)) <= 100
    assert "which need not be one median time over the other" in said
    for gear in ("forward", "training", "step"):
        assert sum(line.startswith(f"{gear}: ") for line in tables) == 1
    assert sum("lru+attention" in line for line in tables) == 3
    assert json.loads(last) == json.loads((folder / "result.json").read_text())
    assert {path.name for path in folder.iterdir()} == {"result.json", "results.csv", "report.html"}
    page = (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    assert run(["report", str(folder)]) == 0
    assert (folder / "report.html").read_text() == page


def test_flags_say_what_is_timed_and_the_rest_is_the_library_s():
    config = bench.make_config(parse(["bench", "gru, lstm", "--gears", "step", "--streams", "4"]))
    assert config == BenchConfig(models=("gru", "lstm"), gears=("step",), streams=4)
    assert bench.make_config(parse(["bench"])) == BenchConfig()


@pytest.mark.parametrize("name", BenchConfig.models)
def test_what_is_timed_unasked_can_be_made(name: str):
    assert bare_layer(pattern_of(name, context_length=9), BenchConfig.width).output_size == BenchConfig.width


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["ltsm"], "did you mean 'lstm'"),
        (["gated-graph"], "reads trees or graphs"),
        (["gru", "--gears", "forwards"], "did you mean 'forward'"),
        (["gru", "--rounds", "0"], "rounds must be at least 1"),
        (["attention", "--width", "7"], "7"),
        (["gru", "--device", "gpu"], "unknown device 'gpu'; say cpu or cuda"),
        (["gru", "--out", "/proc/nothing"], "choose another"),
    ],
)
def test_a_bench_that_will_not_do_is_refused_in_a_sentence(
    words: list[str], cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    assert run(["bench", *words]) == 2
    said = capsys.readouterr().err
    assert cause in said
    assert len(said.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_of_a_bench_that_fails_no_empty_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*config: object, **told: object) -> None:
        raise UserError("no gradient")

    monkeypatch.setattr("statewise.api.benching.run_bench", fail)
    assert run(["bench", "gru", "--out", str(tmp_path / "speed" / "new")]) == 2
    assert not list(tmp_path.iterdir())


def test_a_stopped_bench_tells_of_the_rounds_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    class Asked:
        def __enter__(self):
            return lambda: True

        def __exit__(self, *how: object) -> None: ...

    monkeypatch.setattr(bench, "StopAsked", Asked)
    assert run(["bench", "gru", *SMALL, "--out", str(tmp_path / "speed")]) == 0
    assert "stopped after round 1 of 2" in capsys.readouterr().out
    assert json.loads((tmp_path / "speed" / "result.json").read_text())["rounds"] == 1


def test_layers_are_timed_from_python(tmp_path: Path):
    config = statewise.BenchConfig(models=("gru",), batch=1, length=3, width=4, gears=("step",), rounds=1)
    found = statewise.bench_models(config, tmp_path)
    assert found.ratio("gru", "step") == found.result["rows"][0]["ratio"]["median"] > 0
    assert str(tmp_path) in found.result["command"]
    assert "gru" in found.report.read_text()


@pytest.mark.parametrize("waited", [Waiting(0.37, busy=True), Waiting(None, busy=False)])
def test_a_busy_machine_is_told(
    waited: Waiting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("statewise.cost.bench.run.waiting", lambda spans, device: waited)
    assert run(["bench", "gru", *SMALL, "--gears", "step", "--out", str(tmp_path / "speed")]) == 0
    said = capsys.readouterr().out
    assert ("something else had the processor for 37% of the rounds." in said) == waited.busy
