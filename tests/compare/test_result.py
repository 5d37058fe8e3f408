"""The result as it is made and as the report reads it: the same fields, so that nothing is dropped in between."""

from dataclasses import fields

import pytest
from pydantic import BaseModel

from statewise.compare import result as made
from statewise.compare.hypotheses import Judged
from statewise.metrics.pairs import Rule, collect_runs, compare_runs, compare_solved
from statewise.report.schema import comparison as read

BOTH = [
    (made.Result, read.Comparison),
    (made.TaskFacts, read.Task),
    (made.Primary, read.Primary),
    (made.Budget, read.Budget),
    (made.Recommendation, read.Recommendation),
    (made.ArmResult, read.Arm),
    (made.Cost, read.Cost),
    (made.Parameters, read.Parameters),
    (made.Trial, read.Trial),
    (made.Seed, read.Seed),
    (made.Score, read.Score),
    (made.Solved, read.Solved),
    (made.Reach, read.Reach),
    (made.Spent, read.Spent),
    (made.ExpectedBest, read.ExpectedBest),
    (made.Baseline, read.Baseline),
    (made.SeriesScores, read.SeriesScores),
    (made.Pair, read.Pair),
    (made.Example, read.Example),
    (Judged, read.Hypothesis),
]


@pytest.mark.parametrize(("kind", "model"), BOTH)
def test_the_report_reads_every_field_that_is_made(kind: type, model: type[BaseModel]):
    known = {field.alias or name for name, field in model.model_fields.items()}
    assert {field.name for field in fields(kind)} == known


def test_an_undecided_pair_whose_interval_says_more_says_why():
    runs = collect_runs({"a": [0.10, 0.11], "b": [0.30, 0.31]}, lower_is_better=True, worst=None)
    pair = compare_runs(runs["a"], runs["b"], Rule(), lower_is_better=True)
    assert pair.high < 0
    assert (pair.verdict, pair.caveat) == ("undecided", "2 seeds cannot tell it from luck")
    wide = collect_runs({"a": [0.10, 0.31], "b": [0.30, 0.12]}, lower_is_better=True, worst=None)
    assert compare_runs(wide["a"], wide["b"], Rule(), lower_is_better=True).caveat == ""
    assert compare_solved([True] * 5, [False] * 5, Rule()).caveat == ""
