"""The adding problem and copy memory: what is published beside what chance scores."""

from dataclasses import replace
from typing import Any, NamedTuple

from reproduction.training import trained
from statewise.models.config import ModelConfig
from statewise.tasks.computing import Adding
from statewise.tasks.copying import CopyMemory
from statewise.tasks.task import Task
from statewise.train.config import TrainConfig
from statewise.train.evaluation import evaluate

SEEDS = (0, 1, 2)
GOAL = 1e-3
"""Mean squared error of the adding problem that counts as solved"""
ADDING = Adding(shortest=200, longest=200, evaluation_sequences=10_000)
ADDING_TRAIN = TrainConfig(steps=4000, batch_size=32, learning_rate=3e-3, evaluate_every=1000)
TCN_TRAIN = replace(ADDING_TRAIN, steps=5000, learning_rate=2e-3, schedule="constant", clip="none")
"""At the published rate"""
COPY_MEMORY = CopyMemory(shortest=100, longest=100, evaluation_sequences=1000)
COPY_MEMORY_TRAIN = TrainConfig(steps=1000, batch_size=32, learning_rate=1e-3, evaluate_every=500)


class Arm(NamedTuple):
    """What is trained and how, and what was published of its like."""

    model: ModelConfig
    train: TrainConfig
    published: str


def _one_layer(layer: str, width: int) -> ModelConfig:
    return ModelConfig(layer, width=width, depth=1)


TCN = ModelConfig(layer="tcn", width=27, depth=7, options={"kernel_size": 6})
"""As published for T = 200"""
ADDING_ARMS = {
    "GRU, 64": Arm(_one_layer("gru", 64), ADDING_TRAIN, "5.3e-5"),
    "TCN, 7 blocks of 27, 6 taps": Arm(TCN, ADDING_TRAIN, "5.8e-5"),
    "TCN at the published rate": Arm(TCN, TCN_TRAIN, "5.8e-5"),
    "LSTM, 64, forget bias 1": Arm(_one_layer("lstm", 64), ADDING_TRAIN, "0.164"),
    "LSTM, 64, without": Arm(ModelConfig("lstm", {"forget_bias": None}, width=64, depth=1), ADDING_TRAIN, "-"),
    "RNN, 64": Arm(_one_layer("rnn", 64), ADDING_TRAIN, "0.177"),
}
COPY_MEMORY_ARMS = {
    "LSTM": Arm(_one_layer("lstm", 50), COPY_MEMORY_TRAIN, "0.0204 (T = 1000) = chance"),
    "GRU": Arm(_one_layer("gru", 50), COPY_MEMORY_TRAIN, "0.0197 (T = 1000)"),
    "RNN": Arm(_one_layer("rnn", 50), COPY_MEMORY_TRAIN, "0.0202 (T = 1000)"),
}


def run_adding() -> dict[str, Any]:
    """T = 200, three seeds of each arm."""
    scores = _scores(ADDING, ADDING_ARMS, "mse")
    below = {name: sum(score < GOAL for score in found) for name, found in scores.items()}
    solved = "; ".join(f"{name}: {count} of {len(SEEDS)} seeds below {GOAL:g}" for name, count in below.items())
    return {
        "title": "The adding problem, T = 200",
        "protocol": f"{_recipe(ADDING_TRAIN)} to a tenth of it, clip 1, for all models; the TCN also at the published "
        f"rate: {_recipe(TCN_TRAIN)} throughout, no clipping. Mean squared error on {ADDING.evaluation_sequences:,} "
        f"test sequences, whose standard error at chance, {ADDING.chance():.4f}, is 0.002. Published: T = 600, the "
        "recurrent models tuned one by one, 50,000 fixed training sequences, 1,000 test sequences.",
        "columns": ["model", "published (Bai et al. 2018)", *(f"seed {seed}" for seed in SEEDS)],
        "rows": _rows(ADDING_ARMS, scores),
        "verdict": f"{solved}. Knowing nothing: {ADDING.chance():.4f}.",
    }


def run_copy_memory() -> dict[str, Any]:
    """T = 100, three seeds of each arm."""
    scores = _scores(COPY_MEMORY, COPY_MEMORY_ARMS, "loss")
    return {
        "title": "Copy memory, T = 100",
        "protocol": f"{_recipe(COPY_MEMORY_TRAIN)}, width 50; loss on the test split.",
        "columns": ["model", "published (Bai et al. 2018)", *(f"seed {seed}" for seed in SEEDS)],
        "rows": _rows(COPY_MEMORY_ARMS, scores),
        "verdict": f"Knowing nothing: {COPY_MEMORY.chance():.4f}.",
    }


def _scores(task: Task, arms: dict[str, Arm], metric: str) -> dict[str, list[float]]:
    """A metric on the test split, a seed after the other, by the name of the arm."""
    found: dict[str, list[float]] = {}
    for name, arm in arms.items():
        models = (trained(task, arm.model, arm.train, seed=seed)[0] for seed in SEEDS)
        found[name] = [evaluate(model, task, "test", batch_size=100)[metric] for model in models]
    return found


def _recipe(train: TrainConfig) -> str:
    return f"{train.steps:,} updates of batch {train.batch_size}, AdamW {train.learning_rate}"


def _rows(arms: dict[str, Arm], scores: dict[str, list[float]]) -> list[list[str]]:
    return [[name, arm.published, *(f"{score:.2g}" for score in scores[name])] for name, arm in arms.items()]
