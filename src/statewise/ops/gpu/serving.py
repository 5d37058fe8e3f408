"""When a Triton kernel may run."""

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from statewise.ops.transforms import transforming

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128)

TRITON = (3, 4)
"""The oldest that compiles all kernels: tuples of tuples go from one function to another"""
CAPABILITY = (8, 0)
"""The oldest GPUs, NVIDIA's of 2020, whose products take bfloat16 and TF32"""


def kernels_serve(*tensors: Tensor) -> bool:
    """Whether Triton kernels can work on these tensors, here and now: on a GPU, and outside torch's transforms."""
    return (
        not torch.compiler.is_compiling()
        and all(type(t) in (Tensor, nn.Parameter) and t.is_cuda and t.dtype in DTYPES for t in tensors)
        and not transforming()
        and installed()
        and all(new_enough(device) for device in {t.device for t in tensors})
    )


@cache
def installed() -> bool:
    """Whether there is a Triton that is not too old."""
    if find_spec("triton") is None:
        return False
    import triton

    return tuple(int(part) for part in triton.__version__.split(".")[:2]) >= TRITON


@cache
def new_enough(device: torch.device) -> bool:
    """Whether the GPU knows the products that kernels are made of."""
    return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= CAPABILITY
