"""Rules of a task as a whole: what it says of itself is there, and of its type."""

import inspect
import json

from statewise.tasks.rules.broken import demand
from statewise.tasks.rules.tried import ROWS, answered_at_random
from statewise.tasks.task import Task


def form(task: Task) -> None:
    """Name, description, primary score, input form and output size are there and of their types."""
    for name in ("name", "description", "primary", "input_form", "output_size"):
        demand("form", hasattr(task, name), f"the task has no {name}")
    demand("form", task.output_size >= 1, f"output_size must be at least 1, got {task.output_size}")
    demand("form", all(isinstance(note, str) for note in task.notes), "notes must be sentences")
    context = task.longest_context()
    demand("form", context is None or context >= 1, f"longest_context() must be at least 1 or None, got {context}")


def options(task: Task) -> None:
    """The constructor takes keyword-only arguments of plain data, so that a config can hold all of them."""
    for parameter in inspect.signature(type(task)).parameters.values():
        place = f"option {parameter.name}"
        demand("options", parameter.kind is parameter.KEYWORD_ONLY, f"{place} must be a named keyword-only argument")
        demand("options", parameter.annotation is not parameter.empty, f"{place} has no type; annotate it")
        if parameter.default is not parameter.empty:
            _demand_plain("options", place, parameter.default)
    _demand_plain("options", "preprocessing()", dict(task.preprocessing()))


def example(task: Task) -> None:
    """What a person is shown is three texts, or nothing."""
    batch = next(task.evaluation("valid", batch_size=ROWS))
    shown = task.example(answered_at_random(task, batch), batch)
    fits = shown is None or (len(shown) == 3 and all(isinstance(part, str) for part in shown))
    demand("example", fits, f"example() must be three texts or None, got {shown!r}")


def _demand_plain(rule: str, place: str, value: object) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        demand(rule, False, f"{place} is not plain data (text, numbers, lists, dictionaries): {value!r}")
