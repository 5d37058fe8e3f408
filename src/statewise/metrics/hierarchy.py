"""Two levels of luck, seeds and test examples, resampled together."""

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from statewise.metrics.intervals import LEVEL, Interval, expanded_level


def _shared(
    differences: NDArray[np.float64], seeds: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Mean differences when every seed is scored on one test set: its examples are redrawn once for all seeds."""
    examples = differences.shape[1]
    drawn = [differences[:, rng.integers(examples, size=examples)].mean(axis=1) for _ in range(len(seeds))]
    return np.take_along_axis(np.stack(drawn), seeds, axis=1).mean(axis=1)


def _fresh(differences: NDArray[np.float64], seeds: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Mean differences when every seed has test examples of its own: they are redrawn for each drawn seed."""
    examples = differences.shape[1]
    shape = (seeds.shape[1], examples)
    return np.array(
        [np.take_along_axis(differences[row], rng.integers(examples, size=shape), axis=1).mean() for row in seeds]
    )


def paired_hierarchical_bootstrap(
    a_scores: ArrayLike,
    b_scores: ArrayLike,
    *,
    examples: Literal["shared", "fresh"],
    level: float = LEVEL,
    resamples: int = 1999,
    seed: int = 0,
) -> Interval:
    """Interval for the mean of ``a - b`` when both the seeds and the test examples are a draw from many possible.

    Each resample draws seeds with replacement, then test examples within them, and takes the mean difference; the
    interval is the percentile interval of these means, expanded for few seeds (`expanded_level`). Treating all
    seed-example pairs as independent would count the same seed as many times as there are examples.

    Args:
        a_scores: (S, E), row s the scores of seed s on each test example.
        b_scores: (S, E), the same seeds and the same examples.
        examples: "shared" if column e is one and the same test example for all seeds (a real text, a fixed test set):
            its luck does not average out over seeds; "fresh" if every seed drew a test set of its own.
        level: confidence.
        resamples: number of resamples.
        seed: of the resampling.

    Below 5 seeds the resamples are too few and the interval still too narrow: prefer `paired_difference`.

    >>> rng = np.random.default_rng(0)
    >>> b = rng.normal(size=(6, 50))
    >>> interval = paired_hierarchical_bootstrap(b + 1, b, examples="shared")
    >>> interval.low < 1.0001 and interval.high > 0.9999 and interval.n == 6
    True
    """
    a, b = np.asarray(a_scores, dtype=np.float64), np.asarray(b_scores, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 2 or a.size == 0:
        raise ValueError(f"both arms need scores (seeds, examples) of the same shape, got {a.shape} and {b.shape}")
    differences = a - b
    count, mean = len(differences), float(differences.mean())
    if count == 1:
        return Interval(mean, -math.inf, math.inf, 1, "one seed: no interval")
    rng = np.random.default_rng(seed)
    seeds = rng.integers(count, size=(resamples, count))
    means = {"shared": _shared, "fresh": _fresh}[examples](differences, seeds, rng)
    tail = (1 - expanded_level(level, count)) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), count, f"paired hierarchical bootstrap, {count} seeds")
