"""What a comparison's page says in words and tables, worked out from its data."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from statewise.report.figures.figure import better
from statewise.report.formats import setting
from statewise.report.schema.comparison import Arm, Baseline, Comparison, Example, Primary, Trial

Piece = tuple[str, bool]
"""Some text, and whether it is wrong"""


@dataclass(frozen=True)
class Failure:
    """Something that did not work out."""

    arm: str
    where: str
    status: str
    reason: str


@dataclass(frozen=True)
class Question:
    """A prompt, what was asked for, and what every arm answered."""

    prompt: str
    target: str
    answers: list[tuple[str, list[Piece]]]


def ranked(arms: Sequence[Arm], primary: Primary) -> list[Arm]:
    """The arms by mean score, best first; those without a score last, in the order given."""
    sign = 1.0 if primary.lower_is_better else -1.0
    scored = [arm for arm in arms if arm.score]
    scored.sort(key=lambda arm: sign * arm.score.mean if arm.score else 0.0)
    return scored + [arm for arm in arms if not arm.score]


def failures(data: Comparison) -> list[Failure]:
    """Arms, trials and seeds that failed or could not be, in that order for each arm."""
    found = []
    for arm in data.arms:
        if arm.status != "ok":
            found.append(Failure(arm.label, "the arm", arm.status, arm.reason or ""))
        for number, trial in enumerate(arm.tuning, start=1):
            if trial.status != "ok":
                told = ", ".join(setting(name.rpartition(".")[2], value) for name, value in trial.settings.items())
                where = f"tuning trial {number}" + (f" ({told})" if told else "")
                found.append(Failure(arm.label, where, trial.status, trial.reason or ""))
        for seed in arm.seeds:
            if seed.status != "ok":
                found.append(Failure(arm.label, f"seed {seed.seed}", seed.status, seed.reason or ""))
    return found


def chosen(arm: Arm, primary: Primary) -> Trial | None:
    """The trial with the best validation score, the first of equals."""
    lead, best = better(primary), None
    for trial in arm.tuning:
        if trial.status == "ok" and trial.valid is not None:
            best = trial if best is None or best.valid is None or lead(trial.valid, best.valid) else best
    return best


def training_seconds(arm: Arm) -> float | None:
    """Time to train an arm, tuning and seeds together."""
    spent = [trial.training_seconds for trial in arm.tuning] + [seed.training_seconds for seed in arm.seeds]
    known = [each for each in spent if each is not None]
    return sum(known) if known else None


def told_columns(arms: Sequence[Arm]) -> list[str]:
    """Those of the table's optional columns that say something of some arm."""
    says = {
        "solved": any(arm.solved for arm in arms),
        "fixed": any(arm.cost.parameters.fixed for arm in arms),
        "step": any(arm.cost.step_latency_us is not None for arm in arms),
        "tokens": any(arm.cost.tokens_per_second is not None for arm in arms),
        "peak": any(arm.cost.peak_memory_mb is not None for arm in arms),
        "time": any(training_seconds(arm) is not None for arm in arms),
    }
    return [name for name, said in says.items() if said]


def best_first(baselines: Sequence[Baseline], primary: Primary) -> list[Baseline]:
    """The baselines by score, best first; those without one last."""
    sign = 1.0 if primary.lower_is_better else -1.0
    return sorted(baselines, key=lambda each: math.inf if each.score is None else sign * each.score)


def questions(examples: Sequence[Example]) -> list[Question]:
    """Examples gathered by prompt, in the order in which the prompts came up."""
    found: dict[tuple[str, str], Question] = {}
    for example in examples:
        key = (example.prompt, example.target)
        question = found.setdefault(key, Question(example.prompt, example.target, []))
        question.answers.append((example.arm, compare(example.target, example.prediction)))
    return list(found.values())


def compare(target: str, prediction: str) -> list[Piece]:
    """The prediction in pieces, wrong symbols apart from right ones.

    Symbols are what spaces part, where both texts have as many of them; free text is given whole, as it has no place
    by place truth.

    >>> compare("7 4 5", "7 1 5")
    [('7 ', False), ('1', True), (' 5', False)]
    >>> compare("the cat", "a dog sat")
    [('a dog sat', False)]
    """
    right, said = target.split(" "), prediction.split(" ")
    if len(right) != len(said) or len(said) < 2 or not any(a == b for a, b in zip(right, said, strict=True)):
        return [(prediction, False)]
    pieces: list[Piece] = []
    for number, (wanted, word) in enumerate(zip(right, said, strict=True)):
        if number:
            pieces.append((" ", False))
        pieces.append((word, wanted != word))
    return _joined(pieces)


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    joined: list[Piece] = []
    for text, wrong in pieces:
        if joined and joined[-1][1] == wrong:
            joined[-1] = (joined[-1][0] + text, wrong)
        else:
            joined.append((text, wrong))
    return joined


def spread(config: Any) -> str:
    """A nested configuration as indented JSON."""
    return json.dumps(config, indent=2, ensure_ascii=False)
