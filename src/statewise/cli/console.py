"""Where tables are printed."""

from rich.console import Console

PLAIN_WIDTH = 140
"""Columns of a table where it is not a terminal's"""


def console() -> Console:
    """The terminal at its own width; files and pipes wide enough that no name is cut."""
    found = Console()
    return found if found.is_terminal else Console(width=PLAIN_WIDTH)
