"""How an arm looks: one colour and one shape, the same in every figure of a report."""

from collections.abc import Iterable
from dataclasses import dataclass

PALETTE = (
    ("#2a6fa9", "#84bff1"),
    ("#b04600", "#ff8a40"),
    ("#2f9269", "#23c29b"),
    ("#ba4886", "#dc8bc0"),
    ("#c47e1d", "#f3d464"),
    ("#454540", "#c9c9cd"),
    ("#8847de", "#9c76ff"),
    ("#7f1b19", "#ce4262"),
)
"""On light and on dark paper. After Okabe & Ito (2008), moved until all stand out from the paper at 3 : 1 and are told
apart without red, green or blue cones too: at least 14 apart in CIE L*a*b*"""

SHAPES = (
    "M-4,0A4,4 0 1 1 4,0A4,4 0 1 1 -4,0Z",
    "M-3.6,-3.6H3.6V3.6H-3.6Z",
    "M0,-4.6L4.5,3.4H-4.5Z",
    "M0,-5L5,0L0,5L-5,0Z",
    "M0,4.6L-4.5,-3.4H4.5Z",
    "M-4.2,-1.5H-1.5V-4.2H1.5V-1.5H4.2V1.5H1.5V4.2H-1.5V1.5H-4.2Z",
    "M0,-4.8L4.6,-1.5L2.8,3.9H-2.8L-4.6,-1.5Z",
)
"""Outlines round the origin: a second sign beside colour, for eyes and printers that see none"""

_LONGEST = 18


@dataclass(frozen=True)
class Style:
    """The look of one arm."""

    label: str
    index: int

    @property
    def css(self) -> str:
        """The classes that carry its colour and tell it from all other arms."""
        return f"arm arm-{self.index} c{self.index % len(PALETTE)}"

    @property
    def shape(self) -> str:
        """The outline of its marker."""
        return SHAPES[self.index % len(SHAPES)]

    @property
    def short(self) -> str:
        """Its label, cut to what fits beside a point."""
        return shorten(self.label)


def shorten(text: str, longest: int = _LONGEST) -> str:
    """``text`` cut to ``longest`` characters in its middle, as names that start alike often end otherwise.

    >>> shorten("optimizer=adamw,model=lstm")
    'optimize…odel=lstm'
    """
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return text[:head] + "…" + text[head + 1 - longest :]


def styles_of(labels: Iterable[str]) -> dict[str, Style]:
    """A style for each label; colour and shape together are unique for the first 56."""
    return {label: Style(label, index) for index, label in enumerate(labels)}
