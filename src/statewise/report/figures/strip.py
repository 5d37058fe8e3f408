"""An interval as a strip in a table's row, on one scale for all rows."""

from collections.abc import Sequence
from xml.etree import ElementTree

from markupsafe import Markup

from statewise.report.figures.reach import reach
from statewise.report.scale import Scale
from statewise.report.schema.comparison import Pair


def strips(pairs: Sequence[Pair]) -> list[Markup | None]:
    """A strip for each pair, nought marked; ``None`` where no difference was measured. They stretch to any width."""
    core = [0.0, *(pair.difference for pair in pairs if pair.difference is not None)]
    bounds = [bound for pair in pairs for bound in (pair.low, pair.high) if bound is not None]
    known = reach(core, bounds)
    scale = Scale.over([*known, -max(known), -min(known)])
    return [None if pair.difference is None else _strip(pair, pair.difference, scale) for pair in pairs]


def _strip(pair: Pair, difference: float, scale: Scale) -> Markup:
    def across(value: float) -> str:
        return f"{100 * min(max(scale.place(value), 0.0), 1.0):.2f}%"

    svg = ElementTree.Element("svg", {"class": "strip", "aria-hidden": "true"})

    def rule(css: str, x1: float, y1: str, x2: float, y2: str) -> None:
        ElementTree.SubElement(svg, "line", {"class": css, "x1": across(x1), "y1": y1, "x2": across(x2), "y2": y2})

    rule("zero", 0.0, "0", 0.0, "100%")
    if pair.low is not None and pair.high is not None:
        rule("bar", pair.low, "50%", pair.high, "50%")
    ElementTree.SubElement(svg, "circle", {"cx": across(difference), "cy": "50%", "r": "3.5"})
    return Markup(ElementTree.tostring(svg, encoding="unicode"))
