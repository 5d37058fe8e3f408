"""Tasks: what is to be learnt, with its oracle and what chance scores.

``check(task)`` tries a task of your own on the rules that all tasks keep:

>>> from statewise.tasks.recalling import Recall
>>> check(Recall())

A broken rule raises ``TaskBroken``, an AssertionError that names the rule and the place.
"""

from statewise.tasks.broken import TaskBroken
from statewise.tasks.check import check
from statewise.tasks.rules import RULES

__all__ = ["RULES", "TaskBroken", "check"]
