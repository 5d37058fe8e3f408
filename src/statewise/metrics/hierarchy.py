"""Two levels of luck, seeds and test examples, resampled together."""

import math

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


def hierarchical_error(differences: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Standard error of the mean of ``differences (S, E)`` where both the S seeds and the E test examples are a draw.

    A bootstrap on two levels: each resample draws seeds with replacement, then test examples, the same ones for all its
    seeds, as every seed is scored on one and the same test set, whose luck does not average out over seeds. The spread
    of the resampled means, widened by ``sqrt(S / (S - 1))`` as the spread of few seeds is too small, is the error.
    Treating all seed-example pairs as independent would count the same seed as many times as there are examples.

    Args:
        differences: (S, E), of one arm's scores and another's, for S at least 2.
        resamples: number of resamples.
        seed: of the resampling.

    >>> rng = np.random.default_rng(0)
    >>> by_seed = np.repeat(rng.normal(size=(50, 1)), 20, axis=1)
    >>> bool(abs(hierarchical_error(by_seed) * math.sqrt(50) - by_seed[:, 0].std(ddof=1)) < 0.1)
    True
    """
    seeds, examples = differences.shape
    rng = np.random.default_rng(seed)
    drawn = rng.integers(examples, size=(resamples, examples)) + examples * np.arange(resamples)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=resamples * examples).reshape(resamples, examples) / examples
    by_seed = weights @ differences.T
    means = np.take_along_axis(by_seed, rng.integers(seeds, size=(resamples, seeds)), axis=1).mean(axis=1)
    return float(means.std(ddof=1)) * math.sqrt(seeds / (seeds - 1))
