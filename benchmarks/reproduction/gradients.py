"""How far back in time a gradient reaches, and how far the product of the Jacobians' norms would let it."""

import math
from copy import deepcopy
from statistics import median
from typing import Any, NamedTuple

import torch
from torch import Tensor

from reproduction.gradient_figure import figure
from reproduction.training import trained
from statewise.contract import Model
from statewise.models.config import ModelConfig
from statewise.models.resolve import build
from statewise.parallel.transition import Transition
from statewise.parallel.vectors import StateVectors
from statewise.tasks.computing import Adding
from statewise.train.config import TrainConfig

WIDTH = 64
SEEDS = (0, 1, 2)
ROWS, BEFORE, LAGS = 2, 50, 200
"""Sequences whose gradients are measured; steps that they run before the furthest lag; lags"""
VANISHED = 0.01
"""Share of the gradient at lag 0 below which it counts as vanished"""
FAR = 100
SHOWN = (10, 20, 50, 100, 200)
TASK = Adding(shortest=100, longest=100, evaluation_sequences=1000)
TRAIN = TrainConfig(steps=2000, batch_size=32, learning_rate=3e-3, evaluate_every=500)
VANILLA, LSTM = "RNN, as torch.nn starts it", "LSTM, forget bias 1"
ARMS = {
    VANILLA: ModelConfig("rnn", {"initialization": "uniform"}, width=WIDTH, depth=1),
    "RNN, orthogonal": ModelConfig("rnn", {"initialization": "orthogonal"}, width=WIDTH, depth=1),
    "IRNN": ModelConfig("irnn", width=WIDTH, depth=1),
    "GRU": ModelConfig("gru", width=WIDTH, depth=1),
    "LSTM, no forget bias": ModelConfig("lstm", {"forget_bias": None}, width=WIDTH, depth=1),
    LSTM: ModelConfig("lstm", {"forget_bias": 1.0}, width=WIDTH, depth=1),
}
CLAIMS = (
    (VANILLA, "The vanilla RNN's gradient vanishes within 10 to 20 steps", 1, 20),
    (LSTM, f"The LSTM's reaches beyond {FAR}", FAR + 1, LAGS + 1),
)
"""Of a model: what is said of it, and the lags between which its gradient has to vanish for that"""


class Reach(NamedTuple):
    """Of a model, by lag k = 0 .. LAGS, relative to lag 0; ``(LAGS + 1,)`` each."""

    largest: Tensor
    """||d h_T / d s_{T-k}||, the spectral norm: of the direction in which it is largest"""
    typical: Tensor
    """Root mean square over directions of an error in h_T: the Frobenius norm / sqrt(H)"""
    bound: Tensor
    """prod_{j < k} ||d s_{T-j} / d s_{T-j-1}||"""


def run() -> dict[str, Any]:
    """Every model at the start and trained, three seeds."""
    found: dict[str, dict[str, list[Reach]]] = {}
    errors: dict[str, list[float]] = {}
    rows: list[list[Any]] = []
    for name, config in ARMS.items():
        found[name] = {"at the start": [], "trained": []}
        errors[name] = []
        for seed in SEEDS:
            torch.manual_seed(seed)
            found[name]["at the start"].append(reach(build(config, TASK.input_form, TASK.output_size)))
            model, outcome = trained(TASK, config, TRAIN, seed=seed)
            found[name]["trained"].append(reach(model))
            errors[name].append(outcome.progress.best_valid or math.nan)
        for when, reaches in found[name].items():
            mse = ", ".join(f"{error:.2g}" for error in errors[name]) if when == "trained" else "-"
            rows.append([name, when, mse, *_lags(reaches), *_norms(reaches)])
    return {
        "title": "Gradient through time",
        "protocol": f"d h_T / d s_(T-k) of one layer of width {WIDTH}, s its whole state (of an LSTM h and c), worked "
        f"out from the Jacobians of its step along {ROWS} sequences of the adding problem, {BEFORE + LAGS} steps long; "
        "'largest' is the spectral norm, 'typical' the root mean square over the directions of an error in h_T, "
        f"'bound' the product of the spectral norms of the k Jacobians. Below {100 * VANISHED:g} % of its value at "
        f"k = 0 a gradient counts as vanished. Trained: {TRAIN.steps:,} updates on the adding problem, T = 100, AdamW "
        f"{TRAIN.learning_rate}, clip 1. Geometric mean over sequences; every seed is shown in lags, norms are medians "
        "over seeds. In the figure: lines are medians, faint ones seeds, dashes bounds.",
        "columns": [
            "model", "when", "validation mse", "bound vanishes at", "largest vanishes at", "typical vanishes at",
            *(f"largest, k = {k}" for k in SHOWN),
        ],
        "rows": rows,
        "verdict": f"{_verdict(found)} {_learnt(found, errors)}",
        "figure": figure(found, LAGS, VANISHED),
    }  # fmt: skip


@torch.no_grad()
def reach(model: Model) -> Reach:
    """Of the model's body on sequences that are the same for every model."""
    model = deepcopy(model).double().eval()
    inputs = next(TASK.evaluation("test", batch_size=ROWS, length=BEFORE + LAGS)).values.double()
    assert model.embedding is not None, "a model built from a config has one"
    xs = model.embedding(inputs)[0].unbind(1)
    vectors = StateVectors(model.body.initial_state(1))
    transition = Transition(model.body, vectors, block=vectors.width)
    s = vectors.parts(model.body.initial_state(ROWS))
    jacobians = []
    for number, x in enumerate(xs):
        if number < BEFORE:
            s = transition(x, s)
        else:
            s, jacobian = transition.linearised(x, s)
            jacobians.append(jacobian.squeeze(1))
    return _products(torch.stack(jacobians[::-1]))


def _products(jacobians: Tensor) -> Reach:
    """From the Jacobians ``(LAGS, B, n, n)``, the last step's first. h is what comes first in all these states."""
    rows, n = jacobians.shape[1:3]
    product = torch.eye(n, dtype=jacobians.dtype)[:WIDTH].expand(rows, WIDTH, n)
    products = [product]
    for jacobian in jacobians:
        product = product @ jacobian
        products.append(product)
    every = torch.stack(products)
    norms = torch.linalg.matrix_norm(jacobians, ord=2)
    bound = torch.cat([torch.ones(1, rows, dtype=norms.dtype), norms.cumprod(dim=0)])
    largest = torch.linalg.matrix_norm(every, ord=2)
    typical = torch.linalg.matrix_norm(every) / WIDTH**0.5
    return Reach(*(_geometric_mean(measured) for measured in (largest, typical, bound)))


def _geometric_mean(by_row: Tensor) -> Tensor:
    return by_row.clamp(min=1e-300).log().mean(dim=1).exp()


def vanishes_at(by_lag: Tensor) -> int | None:
    """The first lag at which what is left is below ``VANISHED``; ``None`` where it never is."""
    below = (by_lag < VANISHED).nonzero()
    return int(below[0]) if len(below) else None


def _lags(reaches: list[Reach]) -> list[str]:
    """Where bound, largest and typical gradient vanish, seed by seed."""
    found = [[vanishes_at(getattr(one, field)) for one in reaches] for field in ("bound", "largest", "typical")]
    return [", ".join("-" if lag is None else str(lag) for lag in lags) for lags in found]


def _norms(reaches: list[Reach]) -> list[str]:
    return [f"{median(float(one.largest[k]) for one in reaches):.2g}" for k in SHOWN]


def _verdict(found: dict[str, dict[str, list[Reach]]]) -> str:
    """The two common claims beside what was measured, and what the bound is worth."""
    said = ["Commonly stated, and measured as the median lag at which the largest direction vanishes."]
    for name, claim, first, last in CLAIMS:
        lags = {when: _middle([one.largest for one in reaches]) for when, reaches in found[name].items()}
        said.append(
            f"{claim}: {name}: "
            + ", ".join(
                f"{when} {_told(lag)} ({'holds' if first <= lag <= last else 'does not hold'})"
                for when, lag in lags.items()
            )
            + "."
        )
    every = [reaches for arms in found.values() for reaches in arms.values()]
    gone = [reaches for reaches in every if _middle([one.largest for one in reaches]) <= LAGS]
    blind = sum(_middle([one.bound for one in reaches]) > LAGS for reaches in gone)
    said.append(f"In {blind} of the {len(gone)} cases in which the gradient vanishes its bound never does.")
    return " ".join(said)


def _learnt(found: dict[str, dict[str, list[Reach]]], errors: dict[str, list[float]]) -> str:
    """Whether gradients reach far where the task was learnt, at less than half of chance, and where it was not."""
    far: dict[bool, list[bool]] = {True: [], False: []}
    for name, arms in found.items():
        for one, error in zip(arms["trained"], errors[name], strict=True):
            far[error < TASK.chance() / 2].append((vanishes_at(one.largest) or LAGS + 1) > FAR)
    return (
        f"Trained, {sum(far[True])} of the {len(far[True])} models that learnt the task reach beyond {FAR} steps, "
        f"{sum(far[False])} of the {len(far[False])} others."
    )


def _middle(curves: list[Tensor]) -> float:
    """The median lag at which curves vanish, never counting as after the last."""
    return median(lag if (lag := vanishes_at(curve)) is not None else LAGS + 1 for curve in curves)


def _told(lag: float) -> str:
    return f"beyond {LAGS}" if lag > LAGS else f"{lag:g}"
