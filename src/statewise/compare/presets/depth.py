"""One to eight layers at equal parameters: what depth gains, and what it costs to train."""

from statewise.compare.config import CompareConfig
from statewise.compare.study import FailsMore, Part, Study, Together
from statewise.train.config import TrainConfig

CELLS = ("lstm", "gru")
DEPTHS = (1, 2, 4, 8)
BUDGET = 50_000
SEEDS = 5
TRIALS = 4
STEPS = TrainConfig(steps=2000)
TASK = {"shortest": 1, "longest": 40}
LENGTHS = (40, 80)
QUICK = {
    "budget": 3000,
    "task_options": {"shortest": 1, "longest": 12},
    "lengths": (12,),
    "seeds": 3,
    "trials": 1,
    "measure": False,
    "train": TrainConfig(steps=40, batch_size=16, evaluate_every=20, learning_rate=1e-2, warmup=10),
}
DEEPER_GAINS = tuple(f"{cell} depth={depth} > {cell} depth=1" for cell in CELLS for depth in (2, 4))
RESIDUALS_HELP = tuple(f"{cell} block=residual depth=8 > {cell} block=plain depth=8" for cell in CELLS)
NORMS_HELP = tuple(f"{cell} norm={norm} > {cell} norm=none" for cell in CELLS for norm in ("layer", "rms"))


def _each(setting: str) -> tuple[str, ...]:
    """The labels of the arms with it."""
    return tuple(f"{cell} {setting}" for cell in CELLS)


DEPTH = Study(
    name="depth",
    question="What does depth gain, at equal parameters, and what does it cost to train?",
    parts=(
        Part(
            "plain",
            "Layers on top of each other, and nothing else",
            CompareConfig(
                task="parity", task_options=TASK, lengths=LENGTHS, models=CELLS, budget=BUDGET, seeds=SEEDS,
                trials=TRIALS, train=STEPS, vary={"depth": DEPTHS}, hypotheses=DEEPER_GAINS,
            ),
            QUICK,
        ),
        Part(
            "text",
            "The same on a text, where every layer may help a little",
            CompareConfig(
                task="embedded", models=CELLS, budget=BUDGET, seeds=SEEDS, trials=TRIALS, train=STEPS,
                vary={"depth": DEPTHS}, hypotheses=DEEPER_GAINS,
            ),
            {name: value for name, value in QUICK.items() if name not in ("task_options", "lengths")},
        ),
        Part(
            "residuals",
            "Residuals alone, without any norm, shallow and deep",
            CompareConfig(
                task="parity", task_options=TASK, lengths=LENGTHS, models=CELLS, budget=BUDGET, seeds=SEEDS,
                trials=TRIALS, train=STEPS, vary={"block": ("plain", "residual"), "depth": (1, 8)},
                fixed={"norm": "none"}, hypotheses=RESIDUALS_HELP,
            ),
            QUICK,
        ),
        Part(
            "norms",
            "Norms in eight residual layers: before each, and which",
            CompareConfig(
                task="parity", task_options=TASK, lengths=LENGTHS, models=CELLS, budget=BUDGET, seeds=SEEDS,
                trials=TRIALS, train=STEPS, vary={"norm": ("none", "layer", "rms")},
                fixed={"block": "residual", "depth": 8}, hypotheses=NORMS_HELP,
            ),
            QUICK,
        ),
        Part(
            "blocks",
            "What eight layers are put together by: a norm before the layer, after it, or a gate",
            CompareConfig(
                task="parity", task_options=TASK, lengths=LENGTHS, models=CELLS, budget=BUDGET, seeds=SEEDS,
                trials=TRIALS, train=STEPS, vary={"block": ("residual", "post-norm", "highway")}, fixed={"depth": 8},
                hypotheses=tuple(f"{cell} block=residual > {cell} block=post-norm" for cell in CELLS),
            ),
            QUICK,
        ),
        Part(
            "clipping",
            "Gradient clipping, shallow and deep",
            CompareConfig(
                task="parity", task_options=TASK, lengths=LENGTHS, models=CELLS, budget=BUDGET, seeds=SEEDS,
                trials=TRIALS, train=STEPS, vary={"clip": ("norm", "none"), "depth": (1, 8)},
                hypotheses=tuple(f"{cell} clip=norm depth=8 > {cell} clip=none depth=8" for cell in CELLS),
            ),
            QUICK,
        ),
        Part(
            "curriculum",
            "From short sequences to long ones, shallow and deep",
            CompareConfig(
                task="parity", task_options=TASK, lengths=LENGTHS, models=CELLS, budget=BUDGET, seeds=SEEDS,
                trials=TRIALS, train=STEPS, vary={"curriculum": ("none", "linear"), "depth": (1, 8)},
                hypotheses=tuple(
                    f"{cell} curriculum=linear depth=8 > {cell} curriculum=none depth=8" for cell in CELLS
                ),
            ),
            QUICK,
        ),
    ),
    statements=(
        Together("Up to four layers, depth gains at equal parameters", {"plain": DEEPER_GAINS, "text": DEEPER_GAINS}),
        Together("Residuals make eight layers trainable", {"residuals": RESIDUALS_HELP}),
        Together("Among residuals, a norm helps eight layers, whichever it is", {"norms": NORMS_HELP}),
        FailsMore(
            "Of plain nets, more trainings of eight layers fail than of one",
            "plain", more=_each("depth=8"), fewer=_each("depth=1"),
        ),
        FailsMore(
            "Without residuals, more trainings of eight layers fail",
            "residuals", more=_each("block=plain depth=8"), fewer=_each("block=residual depth=8"),
        ),
        FailsMore(
            "Without clipping, more trainings of eight layers fail",
            "clipping", more=_each("clip=none depth=8"), fewer=_each("clip=norm depth=8"),
        ),
        FailsMore(
            "Without a curriculum, more trainings of eight layers fail",
            "curriculum", more=_each("curriculum=none depth=8"), fewer=_each("curriculum=linear depth=8"),
        ),
    ),
)  # fmt: skip
