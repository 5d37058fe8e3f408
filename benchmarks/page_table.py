"""Tables in Markdown, for pages that commands write."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Its lines; a bar inside a cell would end it and becomes a slash.

    >>> table(("a", "b"), [(1, "x|y")])
    ['| a | b |', '| --- | --- |', '| 1 | x/y |']
    """
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |" for line in lines]
