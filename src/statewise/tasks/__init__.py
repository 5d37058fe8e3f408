"""Tasks: what is to be learnt, with its oracle and what chance scores.

``check(task)`` tries a task of your own on the rules that all tasks keep:

>>> from statewise.tasks.recalling import Recall
>>> check(Recall())

A broken rule raises ``TaskBroken``, an AssertionError that names the rule and the place.
"""

from statewise.tasks.answers import Classification, Regression, one_hot_logits
from statewise.tasks.batch import Batch, asked_at_the_end
from statewise.tasks.check import RULES, check
from statewise.tasks.generated import GeneratedTask
from statewise.tasks.rules.broken import TaskBroken
from statewise.tasks.scores import Metric, Scores
from statewise.tasks.task import Task

__all__ = [
    "RULES",
    "Batch",
    "Classification",
    "GeneratedTask",
    "Metric",
    "Regression",
    "Scores",
    "Task",
    "TaskBroken",
    "asked_at_the_end",
    "check",
    "one_hot_logits",
]
