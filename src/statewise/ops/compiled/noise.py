"""The loop of the noise that is a hash of row, step and unit; see ``statewise.ops.noise``."""

from typing import Any

import numpy as np

from statewise.ops.compiled.compiler import jit

Array = np.ndarray[Any, Any]
Bits = Any
"""Of 64 bits, without a sign"""
GOLDEN, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
BY_30, BY_27, BY_31, BY_32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
KEPT = np.uint64(2**23 - 1)


@jit
def choose(seed: Array, step: Array, limits: Array, values: Array, out: Array) -> None:
    """Writes to ``out (T, B, U)`` the first of two ``values`` where the unit's bits are below its limit.

    Args:
        seed: ``(T or 1, B)``.
        step: ``(T, B)``.
        limits: ``(U,)``.
        values: ``(2,)``.
        out: written.
    """
    below, above = values
    units = np.empty((limits.shape[0] + 1) // 2, np.uint64)
    for pair in range(units.shape[0]):
        units[pair] = _mix(np.uint64(pair))
    for t in range(step.shape[0]):
        for row in range(step.shape[1]):
            key = _mix(_mix(np.uint64(seed[t % seed.shape[0], row])) ^ np.uint64(step[t, row]))
            for pair in range(limits.shape[0] // 2):
                bits = _mix(key ^ units[pair])
                out[t, row, 2 * pair] = below if np.int64(bits & KEPT) < limits[2 * pair] else above
                out[t, row, 2 * pair + 1] = below if np.int64(bits >> BY_32 & KEPT) < limits[2 * pair + 1] else above
            if limits.shape[0] % 2:
                bits = _mix(key ^ units[-1])
                out[t, row, -1] = below if np.int64(bits & KEPT) < limits[-1] else above


@jit
def _mix(x: Bits) -> Bits:
    x += GOLDEN
    x = (x ^ x >> BY_30) * FIRST
    x = (x ^ x >> BY_27) * SECOND
    return x ^ x >> BY_31
