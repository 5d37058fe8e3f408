"""Comparisons: equal budget, equal tuning, fresh seeds, intervals, and a verdict that may be 'undecided'."""
