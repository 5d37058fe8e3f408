"""The adding problem and copy memory: what is published beside what chance scores."""

from typing import Any

from reproduction.training import trained
from statewise.models.config import ModelConfig
from statewise.tasks.computing import Adding
from statewise.tasks.copying import CopyMemory
from statewise.tasks.task import Task
from statewise.train.config import TrainConfig
from statewise.train.evaluation import evaluate

SEEDS = (0, 1, 2)


def run_adding() -> dict[str, Any]:
    """T = 100, a length at which three seeds are affordable on a CPU."""
    task = Adding(shortest=100, longest=100, evaluation_sequences=10_000)
    train = TrainConfig(steps=2000, batch_size=32, learning_rate=3e-3, evaluate_every=1000)
    arms = {
        "GRU": (ModelConfig(layer="gru", width=64, depth=1), "5.3e-5 (T = 600)"),
        "LSTM": (ModelConfig(layer="lstm", width=64, depth=1), "0.164 (T = 600, forget bias 1)"),
        "RNN": (ModelConfig(layer="rnn", width=64, depth=1), "0.177 (T = 600)"),
    }
    return _table(task, train, arms, "The adding problem, T = 100", "mse", f"Knowing nothing: {task.chance():.4f}.")


def run_copy_memory() -> dict[str, Any]:
    """T = 100."""
    task = CopyMemory(shortest=100, longest=100, evaluation_sequences=1000)
    train = TrainConfig(steps=1000, batch_size=32, learning_rate=1e-3, evaluate_every=500)
    arms = {
        "LSTM": (ModelConfig(layer="lstm", width=50, depth=1), "0.0204 (T = 1000) = chance"),
        "GRU": (ModelConfig(layer="gru", width=50, depth=1), "0.0197 (T = 1000)"),
        "RNN": (ModelConfig(layer="rnn", width=50, depth=1), "0.0202 (T = 1000)"),
    }
    return _table(task, train, arms, "Copy memory, T = 100", "loss", f"Knowing nothing: {task.chance():.4f}.")


def _table(
    task: Task, train: TrainConfig, arms: dict[str, tuple[ModelConfig, str]], title: str, metric: str, verdict: str
) -> dict[str, Any]:
    rows = []
    for name, (model, published) in arms.items():
        scores = []
        for seed in SEEDS:
            built, _ = trained(task, model, train, seed=seed)
            scores.append(evaluate(built, task, "test", batch_size=100)[metric])
        rows.append([name, published, *(f"{score:.2g}" for score in scores)])
    return {
        "title": title,
        "protocol": f"{train.steps:,} updates of batch {train.batch_size}, AdamW {train.learning_rate}, width "
        f"{next(iter(arms.values()))[0].width}; {metric} on the test split.",
        "columns": ["model", "published (Bai et al. 2018)", *(f"seed {seed}" for seed in SEEDS)],
        "rows": rows,
        "verdict": verdict,
    }
