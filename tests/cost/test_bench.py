"""Timing layers: what is run, what it is set against, and what the numbers mean; never how long anything takes."""

import copy
import csv
import io
import json
from pathlib import Path

import pytest
import torch

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.combine.stack import Stack
from statewise.contract import SequenceLayer, Stepper, Vectors
from statewise.cost.bench import run as bench
from statewise.cost.bench.config import GEARS, BenchConfig
from statewise.cost.bench.floor import Demand, demand, floor
from statewise.cost.bench.folder import bench_table, check_folder, write_bench
from statewise.cost.bench.gears import duel
from statewise.cost.bench.machine import Machine, measure_machine
from statewise.cost.bench.run import Subject, run_bench
from statewise.cost.waiting import Clocks, waiting
from statewise.errors import UserError
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM
from statewise.models.bare import bare_layer
from statewise.models.resolve import pattern_of

SMALL = BenchConfig(models=("gru",), batch=2, length=3, width=4, rounds=3)
MACHINE = Machine(product_rate=1e9, copy_rates=((1000, 4e9), (10**6, 1e9)))


class Watched(SequenceLayer):
    """Notes at which gear it is run."""

    def __init__(self) -> None:
        super().__init__(Vectors(4), 4)
        self.map = torch.nn.Linear(4, 4)
        self.seen: set[tuple[str, bool, bool]] = set()

    def initial_state(self, batch_size: int):
        return self.zeros(batch_size, 4)

    def step(self, x, state):
        y = self.map(x) + state
        return y, y

    def _sequence(self, x, state):
        self.seen.add(("sequence", self.training, torch.is_grad_enabled()))
        return super()._sequence(x, state)

    def stepper(self, state) -> Stepper:
        self.seen.add(("stepper", self.training, torch.is_grad_enabled()))
        return super().stepper(state)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "measure_machine", lambda device: MACHINE)
    monkeypatch.setattr("statewise.cost.bench.clock.SHORTEST", 0.0)


@pytest.mark.parametrize(
    ("gear", "expected"),
    [
        ("forward", ("sequence", False, False)),
        ("training", ("sequence", True, True)),
        ("step", ("stepper", False, False)),
    ],
)
def test_a_gear_runs_the_layer_as_it_is_used(gear, expected):
    layer = Watched()
    work = duel("watched", layer, "LSTM", gear, SMALL)
    work.ours()
    assert layer.seen == {expected}


def test_training_reaches_parameters_and_starts_anew_every_time():
    layer = GRU(input_size=4, hidden_size=4)
    work = duel("gru", layer, "GRU", "training", SMALL)
    work.ours()
    first = [parameter.grad.clone() for parameter in layer.parameters()]
    work.ours()
    assert all(bool(grad.any()) for grad in first)
    torch.testing.assert_close([parameter.grad for parameter in layer.parameters()], first)


def test_a_stream_goes_on_from_its_state():
    layer = Watched()
    stepped = []
    layer.stepper = lambda state: stepped.append(SequenceLayer.stepper(layer, state)) or stepped[0]
    work = duel("watched", layer, "LSTM", "step", SMALL)
    states = [(work.ours(), stepped[0].state)[1] for _ in range(2)]
    assert not torch.equal(*states)


@pytest.mark.parametrize(
    ("name", "peer"),
    [("irnn", "RNN"), ("lstm", "LSTM"), ("gru-rms-norm", "GRU"), ("lru", "LSTM"), ("min-gru+attention", "GRU")],
)
def test_the_peer_is_of_the_same_kind_where_torch_has_one(name: str, peer: str):
    pattern = pattern_of(name)
    layer = bare_layer(pattern, 4)
    assert [duel(name, layer, pattern.peer, gear, SMALL).peer for gear in GEARS] == [
        f"nn.{peer}",
        f"nn.{peer}",
        f"nn.{peer}Cell",
    ]


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_whatever_the_catalog_has_is_timed_at_every_gear(name: str):
    config = BenchConfig(models=(name,), batch=2, length=3, width=8)
    pattern = pattern_of(name, context_length=config.length)
    layer = bare_layer(pattern, config.width)
    for gear in GEARS:
        work = duel(name, copy.deepcopy(layer), pattern.peer, gear, config)
        work.ours()
        work.theirs()
        assert min(demand(layer, gear, config)) > 0


def test_what_has_no_gradient_is_refused_in_words():
    class Cut(Watched):
        def step(self, x, state):
            return x.detach(), state

    with pytest.raises(UserError, match="cut has no gradient"):
        duel("cut", Cut(), "LSTM", "training", SMALL).ours()


def test_ratios_are_of_times_within_a_round(monkeypatch: pytest.MonkeyPatch):
    times = iter([1.0, 2.0, 10.0, 40.0, 3.0, 1.0])  # ours first, theirs first, ours first
    monkeypatch.setattr(bench, "repeats_of", lambda work, device: 1)
    monkeypatch.setattr(bench, "seconds", lambda work, repeats, device: next(times))
    subject = Subject("gru", "recurrent", "GRU", GRU(input_size=4, hidden_size=4))
    (row,) = run_bench(BenchConfig(models=("gru",), width=4, gears=("forward",), rounds=3), [subject])["rows"]
    assert row["seconds"] == {"median": 3.0, "low": 2.0, "high": 21.5}
    assert row["peer_seconds"]["median"] == 2.0
    assert row["ratio"]["median"] == pytest.approx(3.0)  # of 1 / 2, 40 / 10 and 3 / 1


def test_it_stops_after_the_round_in_which_it_is_asked_to():
    told: list[tuple[int | None, int]] = []
    subjects = [Subject(str(size), "recurrent", "GRU", GRU(input_size=4, hidden_size=size)) for size in (4, 5)]
    result = run_bench(
        SMALL, subjects, on_step=lambda done, total, note: told.append((done, total)), should_stop=lambda: True
    )
    assert result["rounds"] == 1
    assert [done for done, _ in told] == [None] * 7 + list(range(6))  # one round of two layers at three gears
    assert {total for _, total in told} == {18}
    assert [row["model"] for row in result["rows"]] == ["4", "5"] * 3


@pytest.mark.parametrize(("worked", "busy"), [(10.0, False), (6.0, True)])
def test_a_busy_machine_is_told(worked: float, busy: bool, monkeypatch: pytest.MonkeyPatch):
    clocks = iter([Clocks(5.0, 1.0), Clocks(15.0, 1.0 + worked)])
    monkeypatch.setattr(bench, "read_clocks", lambda: next(clocks))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    result = run_bench(SMALL, [Subject("gru", "recurrent", "GRU", GRU(input_size=4, hidden_size=4))])
    assert (result["waited"], result["busy"]) == (pytest.approx(1 - worked / 10), busy)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert waiting([(Clocks(0.0, 0.0), Clocks(1.0, 0.5))], "cpu") == (None, False)
    assert waiting([(Clocks(0.0, 0.0), Clocks(1.0, 0.5))], "cuda") == (None, False)


def test_subjects_stay_as_they_are():
    layer = GRU(input_size=4, hidden_size=4).train()
    run_bench(SMALL, [Subject("gru", "recurrent", "GRU", layer)])
    assert layer.training
    assert all(parameter.grad is None for parameter in layer.parameters())


def test_a_floor_counts_bytes_and_operations_by_hand():
    layer = LSTM(input_size=4, hidden_size=4)
    config = BenchConfig(models=("lstm",), batch=2, length=10, width=4, streams=3)
    weights, x, state = 4 * 4 * 4 * 10, 4 * 2 * 10 * 4, 2 * 2 * 4 * 8
    operations = 2 * 4 * 4 * 8 + 52
    assert demand(layer, "forward", config) == Demand(weights + 2 * x + state, 20 * operations)
    assert demand(layer, "training", config) == Demand(3 * weights + 4 * x + state, 60 * operations)
    assert demand(layer, "step", config) == Demand(weights + 2 * 4 * 3 * 4 + 2 * 3 * 4 * 8, 3 * operations)


def test_a_floor_is_the_longer_of_both_times():
    assert floor(Demand(4000, 1), MACHINE).seconds == 4000 / 1e9
    assert floor(Demand(4000, 10**6), MACHINE).limit == "operations"


def test_this_machine_has_rates_and_fewer_bytes_never_move_slower(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("statewise.cost.bench.machine.SIZES", (2**12, 2**16))
    monkeypatch.setattr("statewise.cost.bench.machine.PRODUCTS", {"cpu": (8, 16)})
    machine = measure_machine("cpu")
    assert machine.product_rate > 0
    assert machine.copy_rate(1) >= machine.copy_rate(2**16) > 0


def test_a_pattern_is_stacked_bare():
    stack = bare_layer(pattern_of("lru+attention", context_length=7), 8)
    assert isinstance(stack, Stack)
    assert stack.output_size == 8
    assert 7 in {leaf.shape[1] + 1 for leaf in tree.leaves(stack.initial_state(1)) if leaf.dim() > 1}


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"gears": ("forwards",)}, "did you mean 'forward'"),
        ({"gears": ()}, "no gear to time"),
        ({"models": ("gru", "gru")}, "a model is named twice"),
    ],
)
def test_a_bench_that_will_not_do(said, cause: str):
    with pytest.raises(UserError, match=cause):
        BenchConfig(**said)


def test_a_folder_holds_the_last_bench_and_nothing_else_is_overwritten(tmp_path: Path):
    result = run_bench(SMALL, [Subject("gru", "recurrent", "GRU", GRU(input_size=4, hidden_size=4))])
    folder = tmp_path / "bench"
    for _ in range(2):
        check_folder(folder)
        write_bench(folder, result)
    assert json.loads((folder / "result.json").read_text()) == json.loads(json.dumps(result))
    lines = list(csv.DictReader(io.StringIO(bench_table(result))))
    assert [line["gear"] for line in lines] == list(GEARS)
    assert float(lines[0]["ratio"]) == result["rows"][0]["ratio"]["median"]
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds no bench"):
        check_folder(tmp_path)
