"""Gated and ungated recurrent cells at equal parameters: does the cell matter, where, and how much beside tuning?"""

from statewise.compare.config import CompareConfig
from statewise.compare.study import Part, SettingsOverCells, Study, Together
from statewise.train.config import TrainConfig

CELLS = (
    "rnn", "lstm", "lstm-peephole", "lstm-coupled", "gru", "minimal-gated-unit", "ind-rnn", "clockwork", "min-gru",
)  # fmt: skip
BUDGET = 20_000
SEEDS = 5
TRIALS = 4
STEPS = TrainConfig(steps=2000)
QUICK = {
    "budget": 1000,
    "depth": 1,
    "seeds": 3,
    "trials": 1,
    "measure": False,
    "train": TrainConfig(steps=60, batch_size=16, evaluate_every=30, learning_rate=1e-2, warmup=10),
}
LEADS = tuple(f"lstm > {cell}" for cell in CELLS if cell != "lstm")
CLOCKS_WIN = ("clockwork > lstm", "clockwork > gru", "clockwork > rnn")

GATED_UNITS = Study(
    name="gated-units",
    question="Which recurrent cell, at equal parameters, for which kind of memory; and does the cell matter?",
    parts=(
        Part(
            "short",
            "Short dependencies: a symbol of a few steps ago",
            CompareConfig(
                task="delayed-recall", task_options={"delay": 5, "shortest": 40, "longest": 40}, lengths=(40, 80),
                models=CELLS, budget=BUDGET, seeds=SEEDS, trials=TRIALS, train=STEPS,
                hypotheses=("lstm > rnn", "gru > rnn"),
            ),
            QUICK | {"task_options": {"delay": 3, "shortest": 16, "longest": 16}, "lengths": (16,)},
        ),
        Part(
            "medium",
            "Medium dependencies: two marked numbers among some dozens",
            CompareConfig(
                task="adding", task_options={"shortest": 50, "longest": 50}, lengths=(50, 100),
                models=CELLS, budget=BUDGET, seeds=SEEDS, trials=TRIALS, train=STEPS,
                hypotheses=("lstm > rnn", "gru > rnn"),
            ),
            QUICK | {"task_options": {"shortest": 20, "longest": 20}, "lengths": (20,)},
        ),
        Part(
            "long",
            "Long dependencies: two marked numbers among more",
            CompareConfig(
                task="adding", task_options={"shortest": 200, "longest": 200}, lengths=(200, 400),
                models=CELLS, budget=BUDGET, seeds=SEEDS, trials=TRIALS, train=STEPS, hypotheses=LEADS,
            ),
            QUICK | {"task_options": {"shortest": 40, "longest": 40}, "lengths": (40,)},
        ),
        Part(
            "very-long",
            "Very long dependencies: two marked numbers among hundreds",
            CompareConfig(
                task="adding", task_options={"shortest": 500, "longest": 500}, lengths=(500,),
                models=CELLS, budget=BUDGET, seeds=SEEDS, trials=TRIALS, train=STEPS, hypotheses=LEADS,
            ),
            QUICK | {"task_options": {"shortest": 60, "longest": 60}, "lengths": (60,)},
        ),
        Part(
            "selective",
            "Selective memory: which value went with which key",
            CompareConfig(
                task="recall", task_options={"pairs": 4, "shortest": 32, "longest": 32}, lengths=(32, 64),
                models=CELLS, budget=BUDGET, seeds=SEEDS, trials=TRIALS, train=STEPS,
                hypotheses=("lstm > rnn", "lstm > min-gru"),
            ),
            QUICK | {"task_options": {"symbols": 8, "pairs": 2, "shortest": 16, "longest": 16}, "lengths": (16,)},
        ),
        Part(
            "time-scales",
            "Several time scales: a sum of fast and slow waves",
            CompareConfig(
                task="waves", task_options={"fast": 6, "slow": 64, "shortest": 128, "longest": 128}, lengths=(128, 256),
                models=CELLS, budget=BUDGET, seeds=SEEDS, trials=TRIALS, train=STEPS,
                margin=0.01, hypotheses=CLOCKS_WIN,
            ),
            QUICK
            | {"task_options": {"fast": 4, "slow": 16, "ahead": 4, "shortest": 40, "longest": 40}, "lengths": (40,)},
        ),
    ),
    statements=(
        Together("The LSTM leads every other cell at very long range", {"long": LEADS, "very-long": LEADS}),
        Together("Clocks win where time scales differ", {"time-scales": CLOCKS_WIN}),
        SettingsOverCells(
            "Tuning matters more than the cell",
            ("short", "medium", "long", "very-long", "selective", "time-scales"),
        ),
    ),
)  # fmt: skip
