"""Colours: told apart from paper by everybody, and from each other with every kind of colour vision."""

from itertools import combinations

import numpy as np
import pytest

from statewise.report.figures.style import PALETTE, SHAPES, styles_of

SEEN = {
    "all colours": np.eye(3),
    "no red": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "no blue": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    ),
}
"""Linear RGB as seen, Machado, Oliveira & Fernandes 2009, full severity"""

PAPER = ("#fffefb", "#191816")


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def luminance(colour: str) -> float:
    return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))


@pytest.mark.parametrize("paper", [0, 1])
def test_colours_stand_out_from_paper_at_three_to_one(paper: int) -> None:
    for pair in PALETTE:
        light, dark = sorted((luminance(pair[paper]), luminance(PAPER[paper])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3


@pytest.mark.parametrize("paper", [0, 1])
@pytest.mark.parametrize("eyes", SEEN)
def test_colours_are_told_apart_by_all_eyes(paper: int, eyes: str) -> None:
    seen = {pair[paper]: lab(SEEN[eyes] @ linear(pair[paper])) for pair in PALETTE}
    for a, b in combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) >= 14, (a, b)


def test_colour_and_shape_together_are_unique() -> None:
    styles = styles_of(str(number) for number in range(len(PALETTE) * len(SHAPES))).values()
    assert len({(style.css.split()[-1], style.shape) for style in styles}) == len(styles)
