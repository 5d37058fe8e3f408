"""What a task is: data, an objective, standards and a presentation, all of which it says itself."""

from statewise.tasks.data import TaskData
from statewise.tasks.objective import Objective
from statewise.tasks.presentation import Presentation
from statewise.tasks.standards import Standards


class Task(TaskData, Objective, Standards, Presentation):
    """Something to be learnt. Subclass it, or what follows from it, to bring your own; ``tasks.check`` tries it.

    Its batches come from ``TaskData``, what is right from the ``Objective``, what scores are held against from
    ``Standards``, what a person is told from ``Presentation``; each service asks for the part that it needs.
    ``GeneratedTask`` makes sequences from a seeded generator; ``Classification`` and ``Regression`` are objectives. The
    constructor's keyword-only arguments are the task's options; they and their defaults are plain data.
    """
