"""A run without a score (crashed, diverged, NaN) is an outcome, and the worst one. Dropping it would flatter its arm.

By rank a failed run is worse than every finite score and as bad as another failed run. Where a number is needed, it
scores ``worst`` (say: the chance level, which a person who never trained a model would have), or the worst finite
score of any arm where that is worse still. Without a stated ``worst`` the worst finite score stands in: lenient towards
the arm that failed, so verdicts then refuse to favour the arm with more failures.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

SeedScores = Sequence[float | None] | NDArray[np.float64]
"""One score a seed; None, NaN and infinities are failed runs."""


def as_array(scores: SeedScores) -> NDArray[np.float64]:
    """Scores as float64 (S,), failed runs as NaN."""
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    return np.where(np.isfinite(values), values, np.nan)


def count_failures(scores: SeedScores) -> int:
    """How many runs have no finite score.

    >>> count_failures([0.1, None, float("nan"), float("inf")])
    3
    """
    return int(np.isnan(as_array(scores)).sum())


def fill_failures(
    arms: Mapping[str, SeedScores], *, lower_is_better: bool, worst: float | None = None
) -> dict[str, NDArray[np.float64]]:
    """Every arm's scores with the failed runs at the worst outcome; NaN stays only where no arm has a finite score.

    Args:
        arms: label -> one score a seed.
        lower_is_better: True for losses and errors.
        worst: what a failed run scores at best, in units of the score; None takes the worst finite score of any arm.

    >>> filled = fill_failures({"lstm": [0.1, None], "gru": [0.2, 0.3]}, lower_is_better=True, worst=1.0)
    >>> filled["lstm"].tolist()
    [0.1, 1.0]
    """
    arrays = {label: as_array(scores) for label, scores in arms.items()}
    known = [values[np.isfinite(values)] for values in arrays.values()] + [np.array([] if worst is None else [worst])]
    levels = np.concatenate(known)
    if levels.size == 0:
        return arrays
    floor = levels.max() if lower_is_better else levels.min()
    return {label: np.where(np.isnan(values), floor, values) for label, values in arrays.items()}
