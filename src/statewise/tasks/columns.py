"""Which columns of a table are forecast, and which are looked at."""

from typing import NamedTuple

import numpy as np

from statewise.data.table import Table
from statewise.errors import UserError, unknown


class Columns(NamedTuple):
    """Columns of a table by their places in it."""

    looked_at: list[int]
    """What goes into a model, in order; the targets are among them"""
    targets: list[int]
    """What is forecast"""
    notes: list[str]
    """What was guessed, for a person to read"""


def choose_columns(table: Table, *, targets: str, beside: str, train: int) -> Columns:
    """The targets, else the last column that varies; and what is looked at beside them, else all that vary.

    Args:
        table: the table.
        targets: names, separated by commas; empty = guessed.
        beside: names of what is looked at beside them, likewise; empty = all.
        train: training rows, from the first: a column that is constant there is of no use.

    Raises:
        UserError: if there is no such column, it holds no numbers, or a target is constant.
    """
    varies = np.ptp(table.values[:train], axis=0) > 0
    chosen, notes = _places(table, targets), []
    if not chosen:
        chosen = [int(np.flatnonzero(varies)[-1]) if varies.any() else len(table.columns) - 1]
        notes.append(f"target: {table.columns[chosen[0]]} (--task-options target=NAME,NAME to choose others)")
    for place in chosen:
        if not varies[place]:
            raise UserError(
                f"target '{table.columns[place]}' is constant in the training part; there is nothing to learn: choose "
                "another with --task-options target=NAME"
            )
    named = _places(table, beside)
    constant = [name for name, moves in zip(table.columns, varies, strict=True) if not moves]
    if constant and not named:
        notes.append(f"left out, for they are constant in the training part: {', '.join(constant)}")
    looked_at = {*named, *chosen} if named else np.flatnonzero(varies).tolist()
    return Columns(sorted(looked_at), chosen, notes)


def _places(table: Table, names: str) -> list[int]:
    """Of the columns named, each once."""
    wanted = [names] if names in table.columns else [name.strip() for name in names.split(",")] if names else []
    for name in wanted:
        if name in table.left_out:
            raise UserError(f"column '{name}' holds no numbers; choose among {', '.join(table.columns)}")
        if name not in table.columns:
            raise unknown("column", name, table.columns)
    return [table.columns.index(name) for name in dict.fromkeys(wanted)]
