"""When a Triton kernel may run."""

import os
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from statewise.ops.transforms import transforming

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128)


def kernels_serve(*tensors: Tensor) -> bool:
    """Whether Triton kernels can work on these tensors, here and now: on a GPU, and outside torch's transforms."""
    return (
        installed()
        and not torch.compiler.is_compiling()
        and all(type(t) in (Tensor, nn.Parameter) and t.is_cuda and t.dtype in DTYPES for t in tensors)
        and not transforming()
    )


@cache
def installed() -> bool:
    """Whether Triton is there."""
    return find_spec("triton") is not None


def interpreting() -> bool:
    """Whether kernels are interpreted, on any device, as ``TRITON_INTERPRET=1`` asks for before their first import."""
    return os.environ.get("TRITON_INTERPRET") == "1"
