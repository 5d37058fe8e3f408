"""exp, expm1, sigmoid and tanh for compiled loops, written so that the compiler works on several numbers at once.

Called from plain Python they are numpy's. Compiled, a number in double precision takes the machine's own functions and
one in single precision the polynomials of Moshier's Cephes library, whose errors are below 2e-7: of the value for exp,
of 1 for the others. NaN stays NaN.
"""

import math
from typing import Any

import numpy as np

Number = Any
"""A numpy number in single or double precision"""


def exp(x: Number) -> Number:
    """e^x."""
    return np.exp(x)


def expm1(x: Number) -> Number:
    """e^x - 1, as precise where x is near 0 as elsewhere."""
    return np.expm1(x)


def sigmoid(x: Number) -> Number:
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-x))


def tanh(x: Number) -> Number:
    """(e^x - e^-x) / (e^x + e^-x)."""
    return np.tanh(x)


def exp64(x: Number) -> Number:
    """e^x in double precision."""
    return math.exp(x)


def expm1_double(x: Number) -> Number:
    """e^x - 1 in double precision."""
    return math.expm1(x)


def sigmoid64(x: Number) -> Number:
    """1 / (1 + e^-x) in double precision."""
    return 1.0 / (1.0 + math.exp(-x))


def tanh64(x: Number) -> Number:
    """The hyperbolic tangent in double precision."""
    return math.tanh(x)


def exp32(x: Number) -> Number:
    """2^n times a polynomial of what is left of x, between -log(2) / 2 and log(2) / 2; of x between -87 and 88."""
    if x < np.float32(-87.0):
        x = np.float32(-87.0)
    if x > np.float32(88.0):
        x = np.float32(88.0)
    n = np.floor(x * np.float32(1.44269504088896341) + np.float32(0.5))
    r = x - n * np.float32(0.693359375) + n * np.float32(2.12194440e-4)
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return (p * r * r + r + np.float32(1.0)) * power


def expm1_single(x: Number) -> Number:
    """The polynomial of ``exp32`` near 0."""
    p = np.float32(1.9875691500e-4)
    p = p * x + np.float32(1.3981999507e-3)
    p = p * x + np.float32(8.3334519073e-3)
    p = p * x + np.float32(4.1665795894e-2)
    p = p * x + np.float32(1.6666665459e-1)
    p = p * x + np.float32(5.0000001201e-1)
    far = exp(x) - np.float32(1.0)
    return p * x * x + x if abs(x) < np.float32(0.34) else far


def sigmoid32(x: Number) -> Number:
    """1 / (1 + e^-x) in single precision."""
    return np.float32(1.0) / (np.float32(1.0) + exp(-x))


def tanh32(x: Number) -> Number:
    """A polynomial near 0, 1 - 2 / (e^2|x| + 1) with the sign of x elsewhere."""
    size = abs(x)
    z = x * x
    p = np.float32(-5.70498872745e-3)
    p = p * z + np.float32(2.06390887954e-2)
    p = p * z + np.float32(-5.37397155531e-2)
    p = p * z + np.float32(1.33314422036e-1)
    p = p * z + np.float32(-3.33332819422e-1)
    far = np.float32(1.0) - np.float32(2.0) / (exp(size + size) + np.float32(1.0))
    if x < np.float32(0.0):
        far = -far
    return p * z * x + x if size < np.float32(0.625) else far


VARIANTS = (
    (exp, exp32, exp64),
    (expm1, expm1_single, expm1_double),
    (sigmoid, sigmoid32, sigmoid64),
    (tanh, tanh32, tanh64),
)
"""Function, and what stands for it in single and in double precision"""
