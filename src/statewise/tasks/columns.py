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


def choose_columns(table: Table, *, targets: str, beside: str, varies: np.ndarray) -> Columns:
    """The targets, else the last column that varies; and what is looked at beside them, else all that vary.

    Args:
        table: the table.
        targets: names, separated by commas; empty = guessed.
        beside: names of what is looked at beside them, likewise; empty = all.
        varies: ``(S, columns)`` bool: which columns vary in the training part of each series; one that is constant in
            all of them is of no use.

    Raises:
        UserError: if there is no such column, it holds no numbers, or a target is constant.
    """
    moves = np.flatnonzero(varies.any(axis=0)).tolist()
    chosen, notes = _places(table, targets), []
    if not chosen:
        chosen = moves[-1:] or [len(table.columns) - 1]
        notes.append(f"target: {table.columns[chosen[0]]} (--task-options target=NAME,NAME to choose others)")
    for place in chosen:
        if place not in moves:
            raise UserError(
                f"target '{table.columns[place]}' is constant in the training part; there is nothing to learn: choose "
                "another with --task-options target=NAME"
            )
    named = _places(table, beside)
    constant = [name for place, name in enumerate(table.columns) if place not in moves]
    if constant and not named:
        notes.append(f"left out, for they are constant in the training part: {', '.join(constant)}")
    looked_at = {*named, *chosen} if named else moves
    return Columns(sorted(looked_at), chosen, notes)


def _places(table: Table, names: str) -> list[int]:
    """Of the columns named, each once."""
    wanted = [names] if names in table.columns else [name.strip() for name in names.split(",")] if names else []
    for name in wanted:
        if name in table.by:
            raise UserError(f"column '{name}' says of which series a row is; choose among {', '.join(table.columns)}")
        if name in table.left_out:
            raise UserError(f"column '{name}' holds no numbers; choose among {', '.join(table.columns)}")
        if name not in table.columns:
            raise unknown("column", name, table.columns)
    return [table.columns.index(name) for name in dict.fromkeys(wanted)]
