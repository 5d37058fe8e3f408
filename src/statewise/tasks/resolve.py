"""From a name to a task: one of ours, one of a person's own by import path, or a file."""

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from statewise.errors import UserError, unknown
from statewise.importing import import_object
from statewise.options import fitting, option_types
from statewise.tasks.computing import Adding, Parity
from statewise.tasks.copying import Copy, CopyMemory
from statewise.tasks.forecast import Forecast
from statewise.tasks.language import Language
from statewise.tasks.recalling import DelayedRecall, Recall
from statewise.tasks.task import Task
from statewise.tasks.waving import Waves

TASKS: Mapping[str, type[Task]] = {
    task.name: task for task in (Copy, CopyMemory, Recall, DelayedRecall, Adding, Parity, Waves, Language, Forecast)
}
"""Name -> task."""

TABLES = (".csv", ".tsv")
NEITHER = (".xlsx", ".xls", ".ods", ".parquet", ".feather", ".gz", ".zip", ".pdf", ".docx", ".json", ".npy")
"""Endings of files that are neither a plain text nor a CSV table"""


def name_task(named: str | Path, *, beside: Iterable[str] = ()) -> tuple[str, dict[str, Any]]:
    """What a person named: the task and the options that follow from it.

    A task's name is itself, ``package.module:Class`` a task of one's own, ``embedded`` the embedded text; a path is a
    table where it ends in .csv or .tsv, else a text. What is named like none of these may have been one of ``beside``,
    which could have been named in its place.

    >>> name_task("prices.csv"), name_task("copy")
    (('forecast', {'source': 'prices.csv'}), ('copy', {}))
    """
    named = str(named)
    if named in TASKS or (":" in named and not Path(named).exists()):
        return named, {}
    if named == "embedded":
        return Language.name, {"source": named}
    if Path(named).suffix.lower() in TABLES:
        return Forecast.name, {"source": named}
    if Path(named).suffix.lower() in NEITHER:
        raise UserError(f"{named} is neither a plain text nor a table; save it as UTF-8 text (.txt) or as CSV (.csv)")
    if Path(named).exists() or Path(named).suffix or "/" in named:
        return Language.name, {"source": named}
    raise unknown("task or file", named, [*TASKS, *beside])


def make_task(name: str, options: Mapping[str, Any]) -> Task:
    """The task of that name with these options.

    Raises:
        UserError: if there is no such task or option, or an option does not fit.
    """
    return find_task(name)(**complete_options(name, options))


def complete_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a task: those said, as the types its signature asks for, and the defaults of the rest.

    Raises:
        UserError: if there is no such task or option, an option does not fit, or one that is needed is missing.

    >>> complete_options("parity", {"longest": 9})
    {'shortest': 1, 'longest': 9, 'evaluation_sequences': 512}
    """
    task = find_task(name)
    known = inspect.signature(task).parameters
    for option in options:
        if option not in known:
            raise unknown(f"option of task {task.name}", option, known)
    missing = [n for n, p in known.items() if p.default is p.empty and n not in options]
    if missing:
        raise UserError(f"task {task.name} needs {', '.join(missing)}; for data of your own give the path of a file")
    types = option_types(task)
    said = {o: fitting(f"option {o} of task {task.name}", value, types[o]) for o, value in options.items()}
    return {option: said.get(option, parameter.default) for option, parameter in known.items()}


def find_task(name: str) -> type[Task]:
    """The class of a task, ours or at ``package.module:Class``."""
    if ":" not in name:
        if name not in TASKS:
            raise unknown("task", name, TASKS)
        return TASKS[name]
    found = import_object(name)
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise UserError(f"{name} is not a Task; subclass statewise.tasks.Task")
    return found
