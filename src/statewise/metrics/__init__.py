"""What is measured and what may be concluded: scores, intervals, verdicts, all as plain functions.

=================  ==================================================================================================
``information``    nats to bits, perplexity, bits per character or byte
``scores``         how good predictions are, position by position: cross-entropy, hits, bits; memory capacity
``failures``       what a run without a score counts as
``intervals``      a score over few seeds with its interval; fractions, differences, probability of improvement
``hierarchy``      the difference of two arms, resampled over seeds and test examples
``summaries``      interquartile mean, expected best trial, median time, Pareto front, Holm
``power``          how many seeds would settle a comparison
``pairs``          two arms: which is better, a tie, or undecided
``decisions``      many arms: winner, tie or undecided
=================  ==================================================================================================
"""

from statewise._lazy import lazy

_HOMES = {
    "information": ["bits", "bits_per_unit", "perplexity"],
    "scores": [
        "bits_cross_entropy",
        "bits_hit",
        "cross_entropy",
        "hits",
        "memory_capacity",
        "seasonal_naive_error",
        "squared_correlations",
    ],
    "failures": ["count_failures", "fill_failures"],
    "intervals": [
        "Interval",
        "bootstrap_interval",
        "mean_interval",
        "fraction_difference",
        "paired_difference",
        "probability_of_improvement",
        "standard_error",
        "t_interval",
        "wilson_interval",
    ],
    "hierarchy": ["paired_hierarchical_bootstrap"],
    "summaries": [
        "expected_best",
        "holm",
        "interquartile_mean",
        "median_steps",
        "pareto_front",
    ],
    "power": ["seeds_for_difference", "seeds_for_fractions"],
    "pairs": ["PairVerdict", "compare_pair", "compare_solved"],
    "decisions": ["Decision", "decide", "decide_solved"],
}

__getattr__ = lazy(__name__, {name: home for home, names in _HOMES.items() for name in names})
