"""Time and memory are measured of the arm as it is trained."""

import time
from dataclasses import replace

import pytest
import torch

from statewise.catalog import CATALOG
from statewise.compare import measure as room
from statewise.compare.measure import TIMED, WARM_UP, measure
from statewise.cost.waiting import Clocks
from statewise.tasks.computing import Adding
from statewise.train.config import TrainConfig
from statewise.train.start import make_trainer
from statewise.workbench import WORKBENCH

TASK = Adding(shortest=6, longest=6, evaluation_sequences=8)
TRAIN = TrainConfig(batch_size=4)


@pytest.fixture(autouse=True)
def one_thread():
    """As every trial has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def model(name: str = "gru"):
    config = WORKBENCH.default_config(name, depth=1, context_length=6, options={})
    return WORKBENCH.make_model(replace(config, width=8), TASK.input_form, TASK.output_size)


def test_the_arms_own_training_is_what_is_timed(monkeypatch: pytest.MonkeyPatch):
    seen = []

    def spy(model, task, config, *, trained_on):
        seen.append(config)
        return make_trainer(model, task, config, trained_on=trained_on)

    monkeypatch.setattr(room, "make_trainer", spy)
    train = replace(TRAIN, optimizer="sgd", accumulate=3, precision="bfloat16", steps=4000, evaluate_every=1)
    measure(model(), TASK, train)
    (config,) = seen
    for name in ("optimizer", "accumulate", "precision", "device", "batch_size"):
        assert getattr(config, name) == getattr(train, name)


def test_a_readout_in_closed_form_is_timed_as_such():
    found = measure(model("echo-state"), TASK, replace(TRAIN, readout="ridge"))
    assert all(found[name] > 0 for name in ("step_latency_us", "tokens_per_second", "peak_memory_mb"))
    assert CATALOG["echo-state"].closed_form


@pytest.mark.parametrize("slow", [{0, 1}, {3, 5, 7}])
def test_slow_first_updates_and_a_few_slow_ones_do_not_count(slow: set[int], monkeypatch: pytest.MonkeyPatch):
    calls = []

    class Uneven(Adding):
        def train_batch(self, index, *, batch_size, seed):
            calls.append(index)
            time.sleep(0.3 if index in slow else 0.0)
            return super().train_batch(index, batch_size=batch_size, seed=seed)

    found = measure(model(), Uneven(shortest=6, longest=6, evaluation_sequences=8), TRAIN)
    assert len(calls) <= WARM_UP + TIMED
    assert found["tokens_per_second"] > 4 * 6 / 0.3


def test_waiting_for_the_processor_is_told():
    class Asleep(Adding):
        def train_batch(self, index, *, batch_size, seed):
            time.sleep(0.1)
            return super().train_batch(index, batch_size=batch_size, seed=seed)

    found = measure(model(), Asleep(shortest=6, longest=6, evaluation_sequences=8), TRAIN)
    assert found["busy"]
    assert 0.3 < found["waited"] < 1


def test_who_always_had_the_processor_was_on_a_quiet_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "read_clocks", lambda: Clocks(now := time.perf_counter(), now - 5))
    found = measure(model(), TASK, TRAIN)
    assert (found["waited"], found["busy"]) == (pytest.approx(0, abs=1e-6), False)
