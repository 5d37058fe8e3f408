"""Memory capacity of reservoirs: the table of ReservoirPy's notebook on edge-of-stability networks."""

from typing import Any

import torch

from statewise.layers.reservoir.echo_state import EchoStateNetwork
from statewise.metrics.scores import memory_capacity
from statewise.ops.ridge import RidgeStatistics

PUBLISHED = {"tanh": 31.94, "linear": 36.40, "orthogonal tanh": 89.33, "linear ring": 95.58}
DEVIATION = {"tanh": 2.2, "linear": 2.8, "orthogonal tanh": 2.1, "linear ring": 0.3}
"""Over seeds, of an independent run of the same protocol"""
KINDS: dict[str, dict[str, Any]] = {
    "tanh": {"spectral_radius": 0.9, "input_connectivity": 0.1},
    "linear": {"spectral_radius": 0.9, "input_connectivity": 0.1, "activation": "identity"},
    "orthogonal tanh": {"spectral_radius": 1.0, "input_connectivity": 0.1, "topology": "orthogonal"},
    "linear ring": {"spectral_radius": 0.9, "input_connectivity": 0.01, "activation": "identity", "topology": "ring"},
}
UNITS, LAGS, TRAIN, TEST = 100, 199, 5000, 1000


def run() -> dict[str, Any]:
    """Five seeds of each reservoir."""
    rows, inside = [], []
    for kind, options in KINDS.items():
        found = [capacity(options, seed) for seed in range(5)]
        mean = sum(found) / len(found)
        inside.append(abs(mean - PUBLISHED[kind]) <= 3 * DEVIATION[kind])
        seeds = ", ".join(f"{value:.1f}" for value in found)
        rows.append([kind, PUBLISHED[kind], f"{mean:.1f}", seeds, "yes" if inside[-1] else "no"])
    return {
        "title": "Memory capacity of reservoirs",
        "protocol": "N = 100, spectral radius 0.9 (1 for the orthogonal one), a tenth of the recurrent weights, input "
        "weights +-0.1 into a tenth of the units (the ring: into one), ridge 1e-7, u ~ U(-0.8, 0.8), 5,000 steps to "
        "fit and 1,000 to score, lags 1 to 199; the sum of squared correlations.",
        "columns": ["reservoir", "published", "mean of 5 seeds", "seeds", "within 3 deviations"],
        "rows": rows,
        "verdict": "Reproduced." if all(inside) else "Not all within 3 standard deviations.",
    }


def capacity(options: dict[str, Any], seed: int) -> float:
    """Sum over lags of the squared correlation between the lagged input and its ridge reconstruction."""
    torch.set_default_dtype(torch.float64)
    generator = torch.Generator().manual_seed(seed)
    signal = 1.6 * torch.rand(1, TRAIN + TEST, 1, generator=generator) - 0.8
    layer = EchoStateNetwork(
        input_size=1, hidden_size=UNITS, input_scaling=0.1, input_distribution="bernoulli", seed=seed, **options
    )
    states, _ = layer(signal)
    lagged = torch.stack([torch.roll(signal[0, :, 0], lag) for lag in range(1, LAGS + 1)], dim=1)
    statistics = RidgeStatistics(features=UNITS, targets=LAGS)
    statistics.add(states[0, LAGS:TRAIN], lagged[LAGS:TRAIN])
    weight, bias = statistics.solve(1e-7)
    said = states[0, TRAIN:] @ weight.T + bias
    torch.set_default_dtype(torch.float32)
    return float(memory_capacity(said, lagged[TRAIN:]))
