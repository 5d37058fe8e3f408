"""What a stream makes of W x_t + b before gates take it: one kind for each way in which cells read their input.

Of one row, for use inside compiled loops: ``feed`` turns the product ``a (A,)`` into ``x``. The cells' equations stand
where their gates do.
"""

import math
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from statewise.ops.compiled.elementary import tanh
from statewise.ops.compiled.norm import normalise
from statewise.ops.gates.parts import copy, part
from statewise.ops.streams.form import Form

Array = Any


class Plain(NamedTuple):
    """x = a, which then is the same memory."""

    @staticmethod
    def form() -> Form:
        return Form()

    @staticmethod
    def made(read: int) -> int:
        """How many numbers x has, from those of a."""
        return read

    @staticmethod
    def feed(feed: Any, row: int, a: Array, x: Array) -> None:
        """Nothing is left to do."""


PLAIN = Plain()


class Normed(NamedTuple):
    """x = gain * N(a) + bias, N over each of a few parts by itself: of cells whose input is normalised."""

    gain: Tensor
    """``(A,)``"""
    bias: Tensor
    """``(A,)``"""
    centred: Tensor
    """``(1,)``: 1 for layer normalisation, 0 for that by the root mean square"""
    bounds: Tensor
    """Where parts begin, and the end ``(parts + 1,)``, int64"""

    @staticmethod
    def form() -> Form:
        return Form(axes=("A", "A", "1", "L"))

    @staticmethod
    def made(read: int) -> int:
        """How many numbers x has, from those of a."""
        return read

    @staticmethod
    def feed(feed: Any, row: int, a: Array, x: Array) -> None:
        """x of one row; a is left as it was."""
        for number in range(feed.bounds.shape[0] - 1):
            start, stop = feed.bounds[number], feed.bounds[number + 1]
            normalise(a[start:stop].reshape(1, -1), feed.centred, x[start:stop].reshape(1, -1))
        for j in range(x.shape[0]):
            x[j] = feed.gain[j] * x[j] + feed.bias[j]


class Squashed(NamedTuple):
    """x = z, V z + b with z = tanh(a): of the minimalRNN."""

    weight: Tensor
    """V transposed ``(H, H)``"""
    bias: Tensor
    """b ``(H,)``"""

    @staticmethod
    def form() -> Form:
        return Form(axes=("H H", "H"))

    @staticmethod
    def made(read: int) -> int:
        """How many numbers x has, from those of a."""
        return 2 * read

    @staticmethod
    def feed(feed: Any, row: int, a: Array, x: Array) -> None:
        """x of one row."""
        width = a.shape[0]
        z, driven = part(x, 0, width), part(x, 1, width)
        for j in range(width):
            z[j] = tanh(a[j])
        copy(feed.bias, driven)
        whole = width - width % 4
        for k in range(0, whole, 4):
            z0, z1, z2, z3, v = z[k], z[k + 1], z[k + 2], z[k + 3], feed.weight[k : k + 4]
            for j in range(width):
                driven[j] += z0 * v[0, j] + z1 * v[1, j] + z2 * v[2, j] + z3 * v[3, j]
        for k in range(whole, width):
            for j in range(width):
                driven[j] += z[k] * feed.weight[k, j]


class Elapsed(NamedTuple):
    """x = a, and behind it the time that has passed: of cells in continuous time."""

    elapsed: Tensor
    """Since the step before ``(B,)``, float64; written before every step"""
    longest: Tensor
    """Of which no more is counted than this ``(1,)``, float64"""
    parts: Tensor
    """In how many steps ``(1,)``, float64"""

    @classmethod
    def over(cls, rows: int, *, longest: float = math.inf, parts: int = 1) -> Self:
        """Of so many rows."""
        one = torch.ones(1, dtype=torch.float64)
        return cls(one.new_zeros(rows), longest * one, parts * one)

    @staticmethod
    def form() -> Form:
        return Form(axes=("B", "1", "1"))

    @staticmethod
    def made(read: int) -> int:
        """How many numbers x has, from those of a."""
        return read + 1

    @staticmethod
    def feed(feed: Any, row: int, a: Array, x: Array) -> None:
        """x of one row."""
        width, elapsed = a.shape[0], feed.elapsed[row]
        if elapsed > feed.longest[0]:
            elapsed = feed.longest[0]
        copy(a, part(x, 0, width))
        x[width] = elapsed / feed.parts[0]


class Openness(NamedTuple):
    """x = a, and behind it how far the clock of each unit is open: of the phased LSTM."""

    period: Tensor
    """tau ``(H,)``, float64"""
    shift: Tensor
    """s ``(H,)``, float64"""
    ratio: Tensor
    """r ``(H,)``"""
    leak: Tensor
    """alpha ``(1,)``"""
    time: Tensor
    """Since the row began ``(B,)``, float64; it passes"""
    elapsed: Tensor
    """Since the step before ``(B,)``, float64; written before every step"""

    @staticmethod
    def form() -> Form:
        return Form(axes=("H", "H", "H", "1", "B", "B"), carried=("time",))

    @staticmethod
    def made(read: int) -> int:
        """How many numbers x has, from those of a."""
        return read // 4 * 5

    @staticmethod
    def feed(feed: Any, row: int, a: Array, x: Array) -> None:
        """x of one row."""
        width, dtype = feed.ratio.shape[0], x.dtype.type
        copy(a, part(x, 0, 4 * width))
        k, two = part(x, 4, width), dtype(2)
        feed.time[row] += feed.elapsed[row]
        for j in range(width):
            turns = (feed.time[row] - feed.shift[j]) / feed.period[j]
            phase = dtype(turns - np.floor(turns))
            opening = two * phase / feed.ratio[j]
            closing = two - opening if phase < feed.ratio[j] else feed.leak[0] * phase
            k[j] = opening if phase < feed.ratio[j] / two else closing
