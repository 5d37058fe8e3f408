"""The reproductions, each at a size at which nothing is learnt, and what they are made of at a size known by hand."""

import importlib
import json
import math
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from statewise.models.config import ModelConfig
from statewise.ops.compiled.compiler import without_compiled_loops

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _nothing_is_compiled():
    with without_compiled_loops():
        yield


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def shrunk(monkeypatch, module, **values):
    for name, value in values.items():
        monkeypatch.setattr(module, name, value)
    return module


def check(result, *, rows):
    assert {"title", "protocol", "columns", "rows", "verdict"} <= result.keys()
    assert len(result["rows"]) == rows
    assert all(len(row) == len(result["columns"]) for row in result["rows"])
    json.dumps({name: result[name] for name in result if name != "figure"})


def tiny(train):
    return replace(train, steps=1, batch_size=2, evaluate_every=1)


def test_sums(module, monkeypatch):
    sums = module("reproduction.sums")
    shrunk(
        monkeypatch,
        sums,
        SEEDS=(0,),
        ADDING=sums.Adding(shortest=5, longest=5, evaluation_sequences=4),
        ADDING_ARMS={name: arm._replace(train=tiny(arm.train)) for name, arm in sums.ADDING_ARMS.items()},
        COPY_MEMORY=sums.CopyMemory(shortest=3, longest=3, evaluation_sequences=4),
        COPY_MEMORY_ARMS={name: arm._replace(train=tiny(arm.train)) for name, arm in sums.COPY_MEMORY_ARMS.items()},
    )
    check(sums.run_adding(), rows=6)
    check(sums.run_copy_memory(), rows=3)


def test_parity_of_xlstm(module, monkeypatch):
    parity = module("reproduction.xlstm_parity")
    shrunk(monkeypatch, parity, SEEDS=(0,), LENGTHS=(40, 50), TRAIN=tiny(parity.TRAIN))
    monkeypatch.setattr(parity, "TASK", parity.Parity(shortest=3, longest=5, evaluation_sequences=4))
    check(parity.run(), rows=3)


def test_waveforms(module, monkeypatch, tmp_path):
    waveforms = module("reproduction.waveforms")
    (tmp_path / "fsdd").mkdir()
    for name in ("a", "b"):
        with wave.open(str(tmp_path / "fsdd" / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((1000 * np.sin(np.arange(400) / 5)).astype("<i2").tobytes())
    monkeypatch.setenv("STATEWISE_DATA", str(tmp_path))
    shrunk(monkeypatch, waveforms, RECORDINGS=("a",), TUNED_ON="b", SEEDS=(0,), UPDATES=2, RATES=(1e-3,), SAMPLES=20)
    check(waveforms.run(), rows=6)


def test_models_that_draw_waveforms_have_a_thousand_weights(module):
    waveforms = module("reproduction.waveforms")
    by_hand = {
        "CW-RNN": sum(5 * 5 * groups for groups in range(1, 9)) + 40 + 41,
        "LSTM": 4 * (15 * 15 + 15) + 16,
        "RNN": 31 * 31 + 31 + 32,
    }
    assert {name: waveforms.weights(waveforms.make(name, "normal")) for name in waveforms.ARMS} == by_hand


@pytest.mark.parametrize("clock", ["gate", "stamp", "elapsed"])
@pytest.mark.parametrize("resolution", [None, 1.0])
def test_waves_are_sines_at_the_times_that_are_told(module, clock, resolution):
    frequencies = module("reproduction.frequencies")
    task = frequencies.Frequencies(resolution=resolution, clock=clock)
    contents = task.draw(64, 125, torch.Generator().manual_seed(0)).double()
    batch = task.lay_out(contents, 125, torch.Generator().manual_seed(1))
    period, shift, duration, start, _ = contents.unsqueeze(2).unbind(1)
    there = torch.arange(batch.shape[1]) <= batch.positions
    times = batch.inputs.elapsed.double().cumsum(1)
    assert torch.equal(batch.targets, ((period >= 5) & (period <= 6)).long())
    assert 0.4 < batch.targets.double().mean() < 0.65
    assert ((times >= start - 1e-4) & (times <= start + duration + 1e-4))[there].all()
    expected = torch.sin(2 * math.pi * times / period - shift)
    torch.testing.assert_close(batch.values[..., 0].double()[there], expected[there], atol=1e-3, rtol=0)
    if clock == "stamp":
        torch.testing.assert_close(batch.values[..., 1].double()[there], times[there], atol=1e-4, rtol=0)
    if resolution:
        gaps = batch.inputs.elapsed[:, 1:][there[:, 1:]]
        torch.testing.assert_close(gaps, torch.full_like(gaps, resolution), atol=1e-4, rtol=0)


def test_frequencies(module, monkeypatch):
    frequencies = module("reproduction.frequencies")
    whole = frequencies.Frequencies
    monkeypatch.setattr(frequencies, "Frequencies", lambda **options: whole(**options, evaluation_sequences=4))
    shrunk(monkeypatch, frequencies, SEEDS=(0,), TRAIN=tiny(frequencies.TRAIN))
    check(frequencies.run_irregular(), rows=3)
    check(frequencies.run_regular(), rows=3)


def test_gradients(module, monkeypatch):
    gradients = module("reproduction.gradients")
    shrunk(monkeypatch, gradients, SEEDS=(0,), ROWS=1, BEFORE=1, LAGS=3, SHOWN=(1, 3), WIDTH=3)
    monkeypatch.setattr(gradients, "TASK", gradients.Adding(shortest=4, longest=4, evaluation_sequences=2))
    monkeypatch.setattr(gradients, "TRAIN", tiny(gradients.TRAIN))
    monkeypatch.setattr(gradients, "ARMS", {name: replace(arm, width=3) for name, arm in gradients.ARMS.items()})
    result = gradients.run()
    check(result, rows=2 * len(gradients.ARMS))
    assert result["figure"].startswith("<svg")


def test_reach_of_an_rnn_without_curvature(module, monkeypatch):
    """With U = 0.5 I and ReLU of positive numbers, d h_T / d h_{T-k} = 0.5^k I, and so is the bound."""
    gradients = module("reproduction.gradients")
    shrunk(monkeypatch, gradients, ROWS=2, BEFORE=2, LAGS=8, WIDTH=4)
    torch.manual_seed(0)
    model = gradients.build(ModelConfig("irnn", width=4, depth=1), gradients.TASK.input_form, 1)
    (layer,) = [layer for layer in model.modules() if hasattr(layer, "weight_hh_l0")]
    with torch.no_grad():
        layer.weight_hh_l0.mul_(0.5)
        layer.bias_ih_l0.fill_(1.0)
    expected = 0.5 ** torch.arange(9, dtype=torch.float64)
    for measured in gradients.reach(model):
        torch.testing.assert_close(measured, expected)
    assert gradients.vanishes_at(expected) == 7


def test_page_shows_figures_where_there_are_some(module, tmp_path):
    page = module("reproduction.page")
    results = tmp_path / "results"
    results.mkdir()
    facts = {"title": "A", "protocol": "p", "columns": ["c"], "rows": [["r"]], "verdict": "v.", "cpu_minutes": 1}
    (results / "a.json").write_text(json.dumps(facts))
    (results / "b.json").write_text(json.dumps(facts))
    (results / "b.svg").write_text("<svg/>")
    page.write_page(results, tmp_path / "page.md", ["a", "b", "c"])
    said = (tmp_path / "page.md").read_text()
    assert said.count("![A](results/b.svg)") == 1
    assert "## c\n\nNot run yet." in said
