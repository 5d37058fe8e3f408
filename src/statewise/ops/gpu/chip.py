"""What a program that keeps matrices on the chip has there, and how many threads it is.

The sizes come from what the compiler reports for sm_90, registers and shared memory, and from no measurement.
"""

import torch
import triton
from torch import Tensor

from statewise.ops.gpu.blocks import precision_of

ROWS = 16
"""A program's rows, the fewest that a product on the chip takes"""
WARPS = {16: 2, 32: 4, 64: 8, 128: 8, 256: 16}
"""Of a program, by the width in powers of two"""
INTERPRETED_CHIP = 1 << 20
"""Bytes that a program may keep to itself where there is no GPU"""


def block_of(width: int) -> int:
    """What so many numbers have room in, in a product."""
    return max(16, int(triton.next_power_of_2(width)))


def copies(weight: Tensor) -> int:
    """How often a matrix lies on the chip: large and small parts of its numbers apart in the exact products."""
    return 2 if precision_of(weight.dtype) == "tf32x3" else 1


def room(device: torch.device) -> int:
    """Bytes that the threads of a program can share."""
    if device.type != "cuda":
        return INTERPRETED_CHIP
    properties = triton.runtime.driver.active.utils.get_device_properties(device.index or 0)
    return int(properties["max_shared_mem"])
