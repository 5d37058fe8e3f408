"""A plot: two axes and marks between them, as SVG.

Elements are made with ``xml.etree``, which escapes every text and attribute. All plots are equally wide in their own
units, so letters have one size on a page and stay readable where a plot fills a phone.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree

from markupsafe import Markup

from statewise.report.figures.style import Style
from statewise.report.formats import plain
from statewise.report.scale import Scale

WIDTH = 360.0
LETTER = 6.3
"""Width of a letter, on average, in the units of a plot, where it is largest: on a phone"""

_SIZES = {"mean": 1.0, "small": 0.7, "point": 0.62}
"""Of markers, beside the size in which shapes are drawn"""

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """A scale with its name and its ticks."""

    scale: Scale
    label: str
    ticks: Sequence[tuple[float, str]]

    @classmethod
    def over(cls, values: Iterable[float], label: str, *, text: Callable[[float], str] = plain) -> "Axis":
        """An axis that covers ``values``."""
        return cls.along(Scale.over(values), label, text=text)

    @classmethod
    def along(cls, scale: Scale, label: str, *, text: Callable[[float], str] = plain) -> "Axis":
        """An axis with the ticks of its scale."""
        return cls(scale, label, [(tick, text(tick)) for tick in scale.ticks()])


class Plot:
    """A plot to be filled mark by mark; later marks lie on top."""

    def __init__(self, x: Axis, y: Axis, *, height: float = 240.0, reads_out: bool = False) -> None:
        self._x, self._y = x.scale, y.scale
        self.left = 10 + LETTER * max((len(text) for _, text in y.ticks), default=0)
        self.right, self.top, self.bottom = WIDTH - 10, 32.0, height - (38 if x.label else 22)
        self._svg = ElementTree.Element(
            "svg", {"viewBox": f"0 0 {WIDTH:g} {height:g}", "class": "plot", "role": "img", "aria-label": y.label}
        )
        if reads_out:
            box = (self.left, self.top, self.right, self.bottom)
            self._svg.set("data-box", " ".join(_short(edge) for edge in box))
            self._svg.set("data-x", _told(self._x))
            self._svg.set("data-y", _told(self._y))
            self._svg.set("data-name", x.label)
        self._draw_axes(x, y, height)

    def px(self, x: float) -> float:
        """Where ``x`` lies, from the left."""
        return self.left + self._x.place(x) * (self.right - self.left)

    def py(self, y: float) -> float:
        """Where ``y`` lies, from the top."""
        return self.bottom - self._y.place(y) * (self.bottom - self.top)

    def shade(self, low: float, high: float, text: str) -> None:
        """Shade a stretch of the x axis and name it."""
        left, right = (min(max(self.px(edge), self.left), self.right) for edge in (low, high))
        left, right = (left - 3, right + 3) if right - left < 6 else (left, right)
        box = {"x": left, "y": self.top, "width": right - left, "height": self.bottom - self.top}
        self._add("rect", "shade", {name: _short(place) for name, place in box.items()})
        self.write(left, self.top - 4, text, "note")

    def level(self, y: float, text: str) -> None:
        """A horizontal reference line with its name."""
        at = self.py(y)
        self._rule("reference", (self.left, at), (self.right, at))
        self.write(self.right, at - 4 if at > self.top + 12 else at + 12, text, "note end")

    def upright(self, x: float, low: float, high: float) -> None:
        """A vertical reference line between two heights."""
        self._rule("reference", (self.px(x), self.py(low)), (self.px(x), self.py(high)))

    def line(self, points: Sequence[Point], css: str, name: str, *, stepped: bool = False) -> list[Point]:
        """A line through ``points``, and its corners in the plot's own units; ``name`` is told where it is pointed at.

        No points make no line.
        """
        if not points:
            return []
        places = [(self.px(x), self.py(y)) for x, y in points]
        if stepped:
            corners = [(b[0], a[1]) for a, b in pairwise(places)]
            places = [place for pair in zip(places, [*corners, places[-1]], strict=True) for place in pair]
        path = " ".join(f"{_short(x)},{_short(y)}" for x, y in places)
        self._add("polyline", f"line {css}", {"points": path, "data-name": name})
        return places

    def band(self, low: Sequence[Point], high: Sequence[Point], css: str) -> None:
        """Shade what lies between two lines."""
        path = " ".join(f"{_short(self.px(x))},{_short(self.py(y))}" for x, y in (*low, *reversed(high)))
        self._add("polygon", f"band {css}", {"points": path})

    def mark(self, x: float, y: float, style: Style, tip: str, kind: str = "mean", drop: float = 0.0) -> None:
        """An arm's marker, ``drop`` units below its place; ``tip`` is told where it is pointed at."""
        at = f"translate({_short(self.px(x))} {_short(self.py(y) + drop)}) scale({_SIZES[kind]:g})"
        attributes = {"transform": at, "d": style.shape, "data-tip": tip}
        self._add("path", f"{kind} {style.css}", attributes)

    def sign(self, x: float, y: float, path: str, css: str, tip: str, lift: float = 0.0) -> None:
        """An outline of one's own, such as a cross, ``lift`` units above its place."""
        at = f"translate({_short(self.px(x))} {_short(self.py(y) - lift)})"
        self._add("path", css, {"transform": at, "d": path, "data-tip": tip})

    def write(self, left: float, top: float, text: str, css: str) -> None:
        """Text at a place in the plot's own units."""
        self._add("text", css, {"x": _short(left), "y": _short(top)}).text = text

    def beside(self, x: float, y: float, text: str, *, left: bool) -> None:
        """A note on one side of a mark."""
        self.write(self.px(x) + (-8 if left else 8), self.py(y) + 3.5, text, "note end" if left else "note")

    def svg(self) -> Markup:
        """The plot, safe to be put into a page."""
        return Markup(ElementTree.tostring(self._svg, encoding="unicode"))

    def _draw_axes(self, x: Axis, y: Axis, height: float) -> None:
        self.write(0, 12, y.label, "name")
        for value, text in y.ticks:
            at = self.py(value)
            self._rule("grid", (self.left, at), (self.right, at))
            self.write(self.left - 6, at + 3.5, text, "end")
        self._rule("axis", (self.left, self.bottom), (self.right, self.bottom))
        end = -math.inf
        for value, text in x.ticks:
            at, half = self.px(value), LETTER * len(text) / 2
            self._rule("axis", (at, self.bottom), (at, self.bottom + 4))
            if at - half > end + 4:
                self.write(min(at, WIDTH - half), self.bottom + 15, text, "middle")
                end = at + half
        self.write(self.right, height - 5, x.label, "name end")

    def _rule(self, css: str, start: Point, end: Point) -> None:
        ends = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
        self._add("line", css, {name: _short(place) for name, place in ends.items()})

    def _add(self, tag: str, css: str, attributes: dict[str, str]) -> ElementTree.Element:
        return ElementTree.SubElement(self._svg, tag, {"class": css, **attributes})


def _short(place: float) -> str:
    return f"{place:.2f}".rstrip("0").rstrip(".")


def _told(scale: Scale) -> str:
    return f"{scale.low!r} {scale.high!r} {int(scale.log)}"
