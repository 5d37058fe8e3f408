"""A made-up comparison and a made-up run, as rich as real ones."""

import math
from typing import Any

import numpy as np
import pytest

STEPS = range(100, 3001, 100)
LENGTHS = (10, 20, 40, 80)
TRIALS = 8

ARMS = {
    "lstm": ("recurrent", "Hochreiter & Schmidhuber 1997", 0.91, 560, 55.8, 1.9),
    "gru": ("recurrent", "Cho et al. 2014", 0.88, 320, 48.1, 1.7),
    "mamba": ("statespace", "Gu & Dao 2023", 0.97, 9_728, 285.9, 2.7),
    "attention": ("attention", "Vaswani et al. 2017", 0.99, 65_040, 412.0, 2.4),
    "echo-state": ("reservoir", "Jaeger 2001", 0.42, 760, 61.9, 3.6),
    "ntm": ("memory", "Graves, Wayne & Danihelka 2014", None, 12_288, None, 5.1),
}
"""Family, paper, test accuracy, state bytes, latency in microseconds, thousand FLOPs a token over 20"""


@pytest.fixture
def result() -> dict[str, Any]:
    return rich_result()


@pytest.fixture
def run() -> dict[str, Any]:
    return rich_run()


def rich_result() -> dict[str, Any]:
    """Six arms of which one is unreachable, three seeds, failed trials and a failed seed, lengths, two baselines."""
    draw = np.random.default_rng(7)
    arms = [_arm(label, draw) for label in ARMS]
    return {
        "schema": 1,
        "title": "Comparison on recall",
        "created": "2026-03-14T09:26:53",
        "command": "statewise compare recall --models lstm,gru,mamba,attention,echo-state,ntm --budget 20k --seeds 3",
        "package_version": "0.1.0",
        "task": {
            "name": "recall",
            "description": "Recall which value went with each key",
            "primary": {
                "name": "accuracy",
                "unit": "fraction of queries",
                "lower_is_better": False,
                "chance": 0.03125,
                "chance_label": "chance",
            },
            "train_lengths": [10, 20],
            "bimodal": True,
            "solved_at": 0.95,
        },
        "config": {"task": "recall", "task_options": {"pairs": 4}, "budget": 20_000, "train": {"steps": 3000}},
        "environment": {"python": "3.11.7", "torch": "2.13.0+cpu", "system": "Linux x86_64", "threads a trial": 1},
        "budget": {"match": "parameters", "value": 20_000},
        "recommendation": {
            "verdict": "tie",
            "arms": ["attention", "mamba"],
            "headline": "attention and mamba do equally well; take the cheaper, mamba, whose state is 7 times smaller.",
            "rests_on": [
                "Paired differences over 3 seeds cannot tell attention from mamba; both beat lstm.",
                "3 fresh seeds an arm, after 8 tuning trials each, chosen on validation, scored once on test.",
                "ntm could not be made as small as the budget.",
            ],
        },
        "arms": arms,
        "baselines": [
            {"name": "chance", "description": "closed form", "score": 0.03125, "metrics": {}},
            {"name": "most frequent value", "description": "needs no training", "score": 0.0625, "metrics": {}},
        ],
        "pairs": [_pair("attention", rival, gap) for rival, gap in (("mamba", 0.02), ("lstm", 0.08), ("gru", 0.11))],
        "examples": [_example(arm["label"], draw) for arm in arms if arm["status"] == "ok"],
        "hypotheses": [
            {
                "statement": "Attention beats every recurrent arm beyond the lengths trained on.",
                "verdict": "supported",
                "evidence": "At length 80 it scores 0.45 more than lstm, in all of 3 seeds.",
            },
            {
                "statement": "An echo state network needs fewer trials than lstm.",
                "verdict": "undecided",
                "evidence": "Both gained least after the third of 8 trials.",
            },
        ],
    }


def rich_run() -> dict[str, Any]:
    """A finished run with a history of several numbers."""
    draw = np.random.default_rng(3)
    history = [
        {
            "step": step,
            "tokens": step * 512,
            "train_loss": 4.6 * math.exp(-step / 900) + 1.4 + 0.05 * draw.standard_normal(),
            "valid": 4.5 * math.exp(-step / 900) + 1.6,
            "metrics": {"accuracy": 0.5},
            "learning_rate": 3e-3 * (1 - step / 3100),
            "gradient_norm": 1.0 + draw.random(),
            "skipped": 0,
            "seconds": 0.8,
        }
        for step in STEPS
    ]
    return {
        "title": "Run embedded-lstm",
        "config": {"data": "embedded", "model": {"layer": "lstm", "width": 64}, "train": {"steps": 3000}},
        "environment": {"python": "3.11.7", "torch": "2.13.0+cpu"},
        "history": history,
        "result": {"status": "finished", "step": 3000, "test": {"loss": 1.7132, "accuracy": 0.52}, "chance": None},
        "samples": ["The value of the expression is the\nsame as", "<b>import</b> this"],
    }


def _arm(label: str, draw: np.random.Generator) -> dict[str, Any]:
    family, paper, goal, state, latency, flops = ARMS[label]
    seeds = [] if goal is None else [_seed(label, number, goal, draw) for number in range(3)]
    scores = [0.03125 if seed["test"] is None else seed["test"] for seed in seeds]
    tuning = [] if goal is None else [_trial(number, goal, draw) for number in range(TRIALS)]
    fixed = 19_812 if family == "reservoir" else 0
    return {
        "label": label,
        "model": label,
        "family": family,
        "paper": paper,
        "status": "unreachable" if goal is None else "ok",
        "reason": "its smallest size costs 25,216 parameters; the budget is 20,000" if goal is None else None,
        "config": {"model": {"layer": label, "width": 35}, "train": {"steps": 3000, "learning_rate": 1e-3}},
        "cost": {
            "parameters": {
                "body": 0 if fixed else 20_160 - state % 777,
                "fixed": fixed,
                "embedding": 2_240,
                "readout": 2_304,
            },
            "flops_per_token": int(flops * 20_000),
            "state_bytes": state,
            "step_latency_us": latency,
            "tokens_per_second": None if latency is None else 3e6 / latency,
            "peak_memory_mb": None if latency is None else 320.0 + flops,
        },
        "tuning": tuning,
        "seeds": seeds,
        "score": _score(scores) if scores else None,
        "solved": _solved(scores) if scores else None,
        "expected_best": [{"trials": k + 1, "value": (goal or 0) * (1 - 0.5 / (k + 1))} for k in range(len(tuning))],
    }


def _seed(label: str, number: int, goal: float, draw: np.random.Generator) -> dict[str, Any]:
    failed = label == "gru" and number == 2
    test = min(1.0, goal + 0.02 * draw.standard_normal())
    late = 400 + 500 * number
    curve = [
        {
            "step": step,
            "tokens": 640 * step,
            "train_loss": 4 * math.exp(-step / late) + 0.05 + 0.04 * draw.random(),
            "valid": test / (1 + math.exp(-(step - late) / 150)) + 0.01 * draw.standard_normal(),
        }
        for step in (STEPS[:9] if failed else STEPS)
    ]
    beyond = {"attention": 0.15, "mamba": 0.2}.get(label, 0.6)
    return {
        "seed": number,
        "valid": None if failed else test - 0.01,
        "test": None if failed else test,
        "metrics": {} if failed else {"accuracy": test, "loss": 1 - test},
        "status": "failed" if failed else "ok",
        "reason": "its process died with exit code -9" if failed else None,
        "training_seconds": 14.2 + number,
        "curve": curve,
        "by_length": {} if failed else {str(n): test * (1 - beyond * max(0, math.log2(n / 20)) / 2) for n in LENGTHS},
        "solved_step": late + 300 if test >= 0.95 and not failed else None,
    }


def _trial(number: int, goal: float, draw: np.random.Generator) -> dict[str, Any]:
    diverged = draw.random() < 0.12
    return {
        "trial": number,
        "settings": {"learning_rate": float(10 ** -draw.uniform(2, 4)), "forget_bias": round(draw.uniform(0, 4), 2)},
        "valid": None if diverged else goal * (0.5 + 0.5 * draw.random()),
        "status": "diverged" if diverged else "ok",
        "reason": "training diverged at step 120; lower the learning rate" if diverged else None,
        "training_seconds": 11.5,
    }


def _score(scores: list[float]) -> dict[str, Any]:
    mean, half = float(np.mean(scores)), float(4.303 * np.std(scores, ddof=1) / math.sqrt(len(scores)))
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": len(scores), "kind": "t-interval, 3 seeds"}


def _solved(scores: list[float]) -> dict[str, Any]:
    fraction = sum(score >= 0.95 for score in scores) / len(scores)
    low, high = max(0.0, fraction - 0.45), min(1.0, fraction + 0.45)
    return {"fraction": fraction, "low": low, "high": high, "median_steps": 1200.0 if fraction > 0.5 else None}


def _pair(a: str, b: str, gap: float) -> dict[str, Any]:
    decided = gap > 0.05
    return {
        "a": a,
        "b": b,
        "difference": gap,
        "low": gap - 0.05,
        "high": gap + 0.05,
        "probability_of_improvement": 0.94 if decided else 0.61,
        "n": 3,
        "verdict": "a" if decided else "undecided",
    }


def _example(label: str, draw: np.random.Generator) -> dict[str, Any]:
    target = ["44", "50", "35", "35", "12", "7"]
    said = [word if draw.random() < (ARMS[label][2] or 0) else str(draw.integers(64)) for word in target]
    return {
        "arm": label,
        "prompt": "22 44 21 50 20 35 23 35 0 0 0 0 22 20 21 23 0 0",
        "target": " ".join(target),
        "prediction": " ".join(said),
    }
