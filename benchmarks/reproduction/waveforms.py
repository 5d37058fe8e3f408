"""A clockwork RNN, an LSTM and an RNN of a thousand weights each draw a waveform from nothing (Koutnik et al. 2014)."""

import math
import os
import sys
import wave
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from scipy.signal import resample_poly
from torch import Tensor, nn

from statewise.contract import SequenceLayer
from statewise.layers.recurrent.clockwork import ClockworkRNN
from statewise.layers.recurrent.lstm import LSTM
from statewise.layers.recurrent.rnn import RNN

SAMPLES = 320
UP, DOWN = 441, 80
"""From 8 to 44.1 kHz"""
RECORDINGS = ("0_george_5", "4_jackson_5", "7_nicolas_5")
TUNED_ON = "9_theo_5"
SEEDS = (0, 1, 2)
UPDATES = 2000
RATES = (1e-3, 3e-3, 1e-2)
PERIODS = (1, 2, 4, 8, 16, 32, 64, 128)
PUBLISHED = {"CW-RNN": "0.007", "LSTM": "0.04", "RNN": "0.46"}
ARMS = tuple(PUBLISHED)
STD = 0.1
"""Of all weights at a normal start"""
STARTS = ("normal", "orthogonal")
"""How recurrent weights start: like all others as N(0, 0.1^2), or as the package's layers do"""


def run() -> dict[str, Any]:
    """Every waveform, seed, model and start."""
    rows, medians = [], {}
    for start in STARTS:
        for name in ARMS:
            rate = best_rate(name, start)
            found = [[fitted(name, start, rate, waveform(r), seed) for seed in SEEDS] for r in RECORDINGS]
            middle = median(error for errors in found for error in errors)
            medians[name, start] = middle
            seeds = [", ".join(f"{error:.2g}" for error in errors) for errors in found]
            rows.append(
                [name, start, weights(make(name, start)), f"{rate:g}", PUBLISHED[name], f"{middle:.2g}", *seeds]
            )
    return {
        "title": f"Waveforms of {SAMPLES} samples from a thousand weights",
        "protocol": f"The model reads nothing and is to say {SAMPLES} samples; the error is the mean squared one over "
        f"the variance of the waveform. Waveforms: the loudest {SAMPLES} samples of {len(RECORDINGS)} spoken digits of "
        "the Free Spoken Digit Dataset, from 8 to 44.1 kHz, scaled into [-1, 1]; the paper's are music at 44.1 kHz. "
        f"{UPDATES:,} updates of Adam with the best of the rates "
        f"{', '.join(f'{rate:g}' for rate in RATES)} on another digit, clip 1; the best error on the way. The paper's "
        "figures and recipe are known to us second hand: Nesterov momentum 0.95, small normal weights at the start, "
        "which is 'normal' here, all weights N(0, 0.1^2), and a forget bias of 5, which both starts have. 'orthogonal' "
        "has orthogonal recurrent matrices, of the CW-RNN its diagonal blocks. The CW-RNN has "
        f"{len(PERIODS)} groups of 5 with periods 1 to {PERIODS[-1]}.",
        "columns": ["model", "start", "weights", "rate", "published", "median", *(f"{r}, by seed" for r in RECORDINGS)],
        "rows": rows,
        "verdict": " ".join(_verdict(start, {name: medians[name, start] for name in ARMS}) for start in STARTS),
    }


def waveform(recording: str) -> Tensor:
    """The loudest ``SAMPLES`` samples of a recording at 44.1 kHz, ``(SAMPLES,)`` in [-1, 1]."""
    path = Path(os.environ["STATEWISE_DATA"]) / "fsdd" / f"{recording}.wav"
    with wave.open(str(path)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64)
    sound = resample_poly(sound, UP, DOWN)
    power = np.convolve(sound**2, np.ones(SAMPLES), mode="valid")
    loudest = sound[power.argmax() :][:SAMPLES]
    return torch.tensor(loudest / np.abs(loudest).max(), dtype=torch.float32)


class FromNothing(nn.Module):
    """A layer that reads zeros, and a linear head: y (T,) from nothing."""

    def __init__(self, layer: SequenceLayer) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(layer.output_size, 1)

    def forward(self, steps: int) -> Tensor:
        features, _ = self.layer(torch.zeros(1, steps, 1))
        said: Tensor = self.head(features)
        return said.flatten()


def make(name: str, start: str) -> FromNothing:
    """A model by name, with weights that start as ``start`` says, from torch's global generator."""
    layer: SequenceLayer
    if name == "CW-RNN":
        layer = ClockworkRNN(input_size=1, hidden_size=40, periods=PERIODS)
    elif name == "LSTM":
        layer = LSTM(input_size=1, hidden_size=15, forget_bias=5.0)
    else:
        layer = RNN(input_size=1, hidden_size=31)
    model = FromNothing(layer)
    if start == "normal":
        for weight in model.parameters():
            nn.init.normal_(weight, std=STD)
        if isinstance(layer, LSTM):
            with torch.no_grad():
                layer.bias_ih_l0[15:30] += 5.0
    return model


def weights(model: FromNothing) -> int:
    """Those that do anything: no weight of an input that is zero, one bias where a layer adds up two."""
    dead = ("layer.weight_ih_l0", "layer.bias_hh_l0", "layer.input_map.weight")
    return sum(weight.numel() for name, weight in model.named_parameters() if name not in dead)


def best_rate(name: str, start: str) -> float:
    """The learning rate that fits the waveform best which is there for it."""
    return min(RATES, key=lambda rate: fitted(name, start, rate, waveform(TUNED_ON), seed=100))


def fitted(name: str, start: str, rate: float, target: Tensor, seed: int) -> float:
    """The smallest error, in variances of ``target``, on the way of a model that is fitted to it."""
    torch.manual_seed(seed)
    model = make(name, start)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    variance = target.var(correction=0)
    best = math.inf
    for _ in range(UPDATES):
        error = (model(len(target)) - target).square().mean() / variance
        optimizer.zero_grad()
        error.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        best = min(best, float(error.detach()))
    print(f"  {name} {start} {rate:g} seed {seed}: {best:.3g}", file=sys.stderr, flush=True)
    return best


def _verdict(start: str, errors: dict[str, float]) -> str:
    """Whether the published order came out, said with the figures."""
    order = sorted(ARMS, key=errors.__getitem__)
    same = order == list(ARMS)
    said = " < ".join(f"{name} {errors[name]:.2g}" for name in order)
    return f"Start {start}: {said}; " + ("the published order." if same else "not the published order.")
