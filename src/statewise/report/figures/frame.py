"""A plot's frame: axes, ticks, grid, labels, and the places of points inside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from statewise.report.formats import plain
from statewise.report.scale import Scale

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5c00", "#5b5b5b")
"""Colours that colour-blind people can tell apart (Okabe & Ito 2008), and two more"""


def colours(labels: Sequence[str]) -> dict[str, str]:
    """One colour a label, the same throughout a report."""
    return {label: PALETTE[place % len(PALETTE)] for place, label in enumerate(labels)}


@dataclass(frozen=True)
class Frame:
    """A drawing area of ``width`` by ``height`` with an x and a y axis."""

    x: Scale
    y: Scale
    x_label: str
    y_label: str
    width: int = 640
    height: int = 300
    left: int = 64
    right: int = 16
    top: int = 12
    bottom: int = 46

    def px(self, value: float) -> float:
        """Where ``value`` lies horizontally."""
        return round(self.left + self.x.place(value) * (self.width - self.left - self.right), 1)

    def py(self, value: float) -> float:
        """Where ``value`` lies vertically."""
        return round(self.height - self.bottom - self.y.place(value) * (self.height - self.top - self.bottom), 1)

    def draw(self, marks: Sequence[str], title: str, *, x_ticks: Sequence[tuple[float, str]] | None = None) -> str:
        """The whole figure with ``marks`` inside; ``title`` says in words what it shows."""
        below = [(tick, plain(tick)) for tick in self.x.ticks()] if x_ticks is None else x_ticks
        parts = [
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(title)}">',
            f"<title>{escape(title)}</title>",
            *(self._y_tick(tick) for tick in self.y.ticks()),
            *(self._x_tick(tick, text) for tick, text in below),
            self._labels(),
            *marks,
            "</svg>",
        ]
        return "".join(parts)

    def line(
        self, points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False, thin: bool = False
    ) -> str:
        """A line through ``points``."""
        path = " ".join(f"{self.px(x)},{self.py(y)}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        weight = "1' opacity='.45" if thin else "2"
        return f"<polyline points='{path}' fill='none' stroke='{colour}'{dash} stroke-width='{weight}'/>"

    def dot(self, x: float, y: float, colour: str, tip: str, *, radius: float = 4, hollow: bool = False) -> str:
        """A point with a text that shows when it is pointed at."""
        fill = "#fff" if hollow else colour
        return (
            f"<circle cx='{self.px(x)}' cy='{self.py(y)}' r='{radius}' fill='{fill}' stroke='{colour}' "
            f"stroke-width='1.5'><title>{escape(tip)}</title></circle>"
        )

    def level(self, y: float, text: str) -> str:
        """A horizontal reference line with its name."""
        at, end = self.py(y), self.width - self.right
        return (
            f"<line x1='{self.left}' x2='{end}' y1='{at}' y2='{at}' class='reference'/>"
            f"<text x='{end - 2}' y='{at - 4}' class='small' text-anchor='end'>{escape(text)}</text>"
        )

    def band(self, low: float, high: float) -> str:
        """A shaded stretch of the x axis."""
        left, right = self.px(low), self.px(high)
        inner = self.height - self.top - self.bottom
        return f"<rect x='{left}' y='{self.top}' width='{max(1, right - left)}' height='{inner}' class='band'/>"

    def label(self, x: float, y: float, text: str) -> str:
        """Text beside a point."""
        return f"<text x='{self.px(x) + 7}' y='{self.py(y) + 4}' class='small'>{escape(text)}</text>"

    def _y_tick(self, tick: float) -> str:
        at = self.py(tick)
        return (
            f"<line x1='{self.left}' x2='{self.width - self.right}' y1='{at}' y2='{at}' class='grid'/>"
            f"<text x='{self.left - 6}' y='{at + 4}' text-anchor='end'>{plain(tick)}</text>"
        )

    def _x_tick(self, tick: float, text: str) -> str:
        floor = self.height - self.bottom
        return f"<text x='{self.px(tick)}' y='{floor + 16}' text-anchor='middle'>{escape(text)}</text>"

    def _labels(self) -> str:
        floor, middle = self.height - self.bottom, (self.left + self.width - self.right) / 2
        return (
            f"<line x1='{self.left}' x2='{self.width - self.right}' y1='{floor}' y2='{floor}' class='axis'/>"
            f"<text x='{middle}' y='{self.height - 8}' text-anchor='middle'>{escape(self.x_label)}</text>"
            f"<text transform='translate(13 {(self.top + floor) / 2}) rotate(-90)' text-anchor='middle'>"
            f"{escape(self.y_label)}</text>"
        )
