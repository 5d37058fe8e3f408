"""How a table is written down: what parts its cells and what its numbers look like."""

import contextlib
import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

DELIMITERS = (",", ";", "\t", "|")
Decimal = Literal["", ".", ","]

PLAIN = re.compile(r"[+-]?\d+(e[+-]?\d+)?", re.IGNORECASE)
"""A number that leaves open which mark is the decimal one"""
GROUPED = {mark: re.compile(rf"[+-]?\d{{1,3}}(\{mark}\d{{3}})+") for mark in ".,"}
"""A number whose thousands are parted by this mark, without decimals"""
FRACTION = {mark: re.compile(rf"[+-]?\d*\{mark}\d+(e[+-]?\d+)?", re.IGNORECASE) for mark in ".,"}
"""A number with this decimal mark, its thousands not parted"""
BOTH = {mark: re.compile(rf"[+-]?\d{{1,3}}(\{other}\d{{3}})+\{mark}\d+") for mark, other in ((".", ","), (",", "."))}
"""A number with this decimal mark, its thousands parted by the other"""


@dataclass(frozen=True)
class Dialect:
    """How a table is written down."""

    delimiter: str
    """What parts cells"""
    decimal: str
    """What parts a number's whole from its fraction"""
    thousands: str
    """What groups the digits of its whole; empty = nothing"""
    skipped: int
    """Lines before the header: empty ones, comments that begin with #, or the ``sep=`` of a spreadsheet"""

    @property
    def is_plain(self) -> bool:
        """Whether it is what most programs write: commas part cells, decimals have a point."""
        return (self.delimiter, self.decimal, self.thousands) == (",", ".", "")

    def is_number(self, cell: str) -> bool:
        """Whether a cell is a number in this dialect."""
        patterns = [PLAIN, FRACTION[self.decimal]]
        if self.thousands:
            patterns += [GROUPED[self.thousands], BOTH[self.decimal]]
        return any(pattern.fullmatch(cell.strip()) for pattern in patterns)


def find_dialect(lines: list[str], *, decimal: Decimal = "") -> Dialect:
    """The dialect of a table's first lines.

    Args:
        lines: the first lines, the header among them.
        decimal: mark of decimals; empty = guessed.

    >>> find_dialect(["day;load", "1;2.500,5", "2;7,25"])
    Dialect(delimiter=';', decimal=',', thousands='.', skipped=0)
    """
    skipped, delimiter = _before_header(lines)
    lines = lines[skipped:]
    delimiter = delimiter or _delimiter(lines)
    cells = [cell.strip() for row in cut(lines[1:], delimiter) for cell in row]
    found, thousands = _marks(cells, delimiter)
    if decimal and decimal != found:
        found, thousands = decimal, ""
    return Dialect(delimiter, found, thousands, skipped)


def cut(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    """The cells of lines, up to one that is too large a cell to look at: a long text, or a quotation without end."""
    with contextlib.suppress(csv.Error):
        yield from csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def _before_header(lines: list[str]) -> tuple[int, str]:
    """Lines to skip, and the delimiter where one of them names it."""
    named = re.fullmatch(r"sep=(.)", lines[0].strip("\r\n")) if lines else None
    if named:
        return 1, named[1]
    comments = next((k for k, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    holds_header = (
        comments > 0 and lines[comments - 1].startswith("#") and re.search(r"(^|[,;\t|])\s*[+-]?\d", lines[comments])
    )
    return (comments - 1 if holds_header else comments), ""


def _delimiter(lines: list[str]) -> str:
    """The delimiter that cuts the most lines into as many cells as the header has, and the header into several."""
    best, fits = ",", (0.5, 1)
    for delimiter in DELIMITERS:
        widths = [len(row) for row in cut(lines, delimiter) if row]
        if widths and widths[0] > 1:
            fits_here = (widths.count(widths[0]) / len(widths), widths[0])
            best, fits = max((best, fits), (delimiter, fits_here), key=lambda found: found[1])
    return best


def _marks(cells: Iterable[str], delimiter: str) -> tuple[str, str]:
    """Decimal mark and mark of thousands."""
    seen = [cell for cell in cells if "," in cell or "." in cell]
    for decimal, thousands in ((".", ","), (",", ".")):
        if any(BOTH[decimal].fullmatch(cell) for cell in seen):
            return decimal, thousands
    commas = [cell for cell in seen if FRACTION[","].fullmatch(cell) or GROUPED[","].fullmatch(cell)]
    points = [cell for cell in seen if FRACTION["."].fullmatch(cell) or GROUPED["."].fullmatch(cell)]
    if not commas:
        several = any(cell.count(".") > 1 for cell in points)
        return (",", ".") if several else (".", "")
    grouped = all(GROUPED[","].fullmatch(cell) for cell in commas)
    if grouped and (delimiter == "," or any(cell.count(",") > 1 for cell in commas)):
        return ".", ","
    points_grouped = points and all(GROUPED["."].fullmatch(cell) for cell in points)
    return ",", "." if points_grouped else ""
