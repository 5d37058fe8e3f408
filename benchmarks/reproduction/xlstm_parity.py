"""Parity after xLSTM's recipe: memory mixing, which the sLSTM has, against the mLSTM and attention, which have none."""

from typing import Any

from reproduction.training import trained
from statewise.models.config import ModelConfig
from statewise.tasks.computing import Parity
from statewise.train.config import TrainConfig
from statewise.train.evaluation import evaluate

LENGTHS = (40, 64, 128, 256)
SEEDS = (0, 1, 2)
TASK = Parity(shortest=3, longest=40, evaluation_sequences=2000)
TRAIN = TrainConfig(
    steps=1000,
    batch_size=128,
    learning_rate=1e-3,
    warmup=100,
    weight_decay=0.1,
    decay_to=0.001,
    curriculum="linear",
    curriculum_from=3,
    evaluate_every=500,
)


def _model(layer: str, options: dict[str, Any]) -> ModelConfig:
    return ModelConfig(layer=layer, width=64, depth=2, block="residual", feed_forward=2, options=options)


ARMS = {
    "sLSTM": _model("slstm", {}),
    "mLSTM": _model("mlstm", {"heads": 1}),
    "attention": _model("attention", {"context_length": max(LENGTHS)}),
}


def run() -> dict[str, Any]:
    """Three seeds of each arm."""
    rows: list[list[Any]] = []
    for name, model in ARMS.items():
        for seed in SEEDS:
            built, _ = trained(TASK, model, TRAIN, seed=seed)
            scores = [evaluate(built, TASK, "test", batch_size=250, length=n)["accuracy"] for n in LENGTHS]
            rows.append([name, seed, *(f"{100 * score:.1f}" for score in scores)])
    return {
        "title": f"Parity to {LENGTHS[-1] / 40:g} times the training length: sLSTM, mLSTM and attention",
        "protocol": f"Two residual blocks of width 64, each with a feed-forward part; trained on lengths 3 to 40, "
        f"{TRAIN.steps:,} updates of batch {TRAIN.batch_size}, AdamW 1e-3 to 1e-6, weight decay 0.1, the longest "
        "length growing from 3 to 40 over the first half, for every model. xLSTM's own recipe (Beck et al. 2024): "
        "20,000 updates of batch 256, no growing lengths, its cells inside larger blocks with convolutions; its claim "
        "is that only memory mixing, R h of the sLSTM, solves the task. Accuracy in percent by length, on "
        f"{TASK.evaluation_sequences:,} strings each; guessing scores 50.",
        "columns": ["model", "seed", *(f"length {n}" for n in LENGTHS)],
        "rows": rows,
        "verdict": " ".join(_verdict(name, [row for row in rows if row[0] == name]) for name in ARMS),
    }


def _verdict(name: str, rows: list[list[Any]]) -> str:
    """From the worst to the best seed at the shortest and the longest length."""
    shortest, longest = (sorted(float(row[column]) for row in rows) for column in (2, -1))
    return (
        f"{name}: {shortest[0]} to {shortest[-1]} % at length {LENGTHS[0]}, {longest[0]} to {longest[-1]} % at length "
        f"{LENGTHS[-1]}."
    )
