"""Several plots and one key on a sheet of paper: an SVG that needs nothing else."""

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

from statewise.report.figures.plot import WIDTH, Plot
from statewise.report.figures.style import PALETTE

GAP = 24.0
COLUMNS = 2
KEY_ROW = 18.0
STYLE = """
  text { font: 11px "Helvetica Neue", Arial, sans-serif; fill: #1b1a18; }
  .name { fill: #65615a; } .middle { text-anchor: middle; } .end { text-anchor: end; }
  .grid { stroke: #ddd8ce; stroke-width: .7; } .axis { stroke: #1b1a18; stroke-width: .8; }
  .line { fill: none; stroke: var(--c); stroke-width: 1.6; stroke-linejoin: round; } .small { fill: var(--c); }
  .faint { stroke-width: .7; opacity: .45; } .dashed { stroke-dasharray: 5 3; stroke-width: 1.2; }
  .reference { stroke: #65615a; stroke-width: .8; stroke-dasharray: 2 2; } .note { fill: #65615a; }
"""


class Sample(NamedTuple):
    """A line of the key: the outline that stands for it, its classes, its name."""

    outline: str
    css: str
    label: str


def sheet(samples: Sequence[Sample], plots: Sequence[Plot], *, height: float, across: int = 4) -> str:
    """The key, ``across`` samples a row, over the plots, ``COLUMNS`` a row, each ``height`` high."""
    key = KEY_ROW * math.ceil(len(samples) / across) + 12
    wide = COLUMNS * WIDTH + (COLUMNS + 1) * GAP
    high = key + math.ceil(len(plots) / COLUMNS) * (height + GAP) + GAP
    root = ElementTree.Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {wide:g} {high:g}", "width": f"{wide:g}"}
    )
    colours = "\n".join(f"  .c{index} {{ --c: {light}; }}" for index, (light, _) in enumerate(PALETTE))
    ElementTree.SubElement(root, "style").text = STYLE + colours
    ElementTree.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#fffefb"})
    for index, sample in enumerate(samples):
        left, top = GAP + index % across * (wide - GAP) / across, GAP + index // across * KEY_ROW
        place = {"transform": f"translate({left:g} {top - 4:g})", "d": sample.outline, "class": sample.css}
        ElementTree.SubElement(root, "path", place)
        ElementTree.SubElement(root, "text", {"x": f"{left + 16:g}", "y": f"{top:g}"}).text = sample.label
    for index, plot in enumerate(plots):
        drawn = ElementTree.fromstring(str(plot.svg()))
        left, top = GAP + index % COLUMNS * (WIDTH + GAP), GAP + key + index // COLUMNS * (height + GAP)
        drawn.attrib |= {"x": f"{left:g}", "y": f"{top:g}", "width": f"{WIDTH:g}", "height": f"{height:g}"}
        root.append(drawn)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
