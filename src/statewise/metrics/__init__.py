"""What is measured and what may be concluded: scores, intervals, verdicts, all as plain functions.

=================  ==================================================================================================
``scores``         how good predictions are, position by position: cross-entropy, hits, bits; memory capacity
``failures``       what a run without a score counts as
``intervals``      a score over few seeds with its interval; fractions, differences, probability of improvement
``hierarchy``      the error of a difference, resampled over seeds and test examples
``summaries``      expected best trial, median time, Holm
``spread``         whether scores spread more over settings or over arms
``power``          how many seeds would settle a comparison
``pairs``          two arms: which is better, a tie, or undecided
``decisions``      many arms: winner, tie or undecided
=================  ==================================================================================================
"""

from statewise._lazy import lazy

_HOMES = {
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
        "probability_of_improvement",
        "standard_error",
        "t_interval",
        "wilson_interval",
    ],
    "hierarchy": ["hierarchical_error"],
    "summaries": [
        "expected_best",
        "holm",
        "median_steps",
    ],
    "spread": ["spread_ratio"],
    "power": ["seeds_for_difference", "seeds_for_fractions"],
    "pairs": ["PairVerdict", "Rule", "Runs", "collect_runs", "compare_runs", "compare_solved"],
    "decisions": ["Decision", "decide", "decide_solved"],
}

__getattr__ = lazy(__name__, {name: home for home, names in _HOMES.items() for name in names})
