"""The precision of a linear recurrence: at least float32, and complex states as trailing real pairs."""

import torch
from torch import Tensor


def upcast(x: Tensor) -> Tensor:
    """``x`` in at least float32: rounding errors of a long recurrence add up beyond what half precision can hold.

    >>> upcast(torch.zeros(1, dtype=torch.bfloat16)).dtype, upcast(torch.zeros(1, dtype=torch.float64)).dtype
    (torch.float32, torch.float64)
    """
    return x.to(torch.promote_types(x.dtype, torch.float32))


def to_complex(pairs: Tensor) -> Tensor:
    """``(..., 2)`` real and imaginary parts, at least float32, as complex numbers ``(...)``.

    They are a view where torch can have one: pairs side by side, each at an even place. ``torch.compile`` cannot hand
    such a view from one graph to the next.

    >>> to_complex(torch.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    pairs = upcast(pairs)
    *strides, last = pairs.stride()
    even = last == 1 and not (pairs.storage_offset() % 2 or any(stride % 2 for stride in strides))
    if even and not torch.compiler.is_dynamo_compiling():
        return torch.view_as_complex(pairs)
    return torch.complex(pairs[..., 0], pairs[..., 1])


def to_pairs(z: Tensor) -> Tensor:
    """Complex numbers ``(...)`` as real and imaginary parts ``(..., 2)``."""
    return torch.view_as_real(z)


def exp(z: Tensor) -> Tensor:
    """exp of complex numbers, from length and angle: exporters know that form and not torch's own.

    >>> exp(torch.complex(torch.zeros(1), torch.ones(1)))
    tensor([0.5403+0.8415j])
    """
    return torch.polar(z.real.exp(), z.imag)


def expm1(z: Tensor) -> Tensor:
    """exp(z) - 1 of complex numbers, as precise where z is near 0 as elsewhere: one step of a slow system.

    >>> expm1(torch.complex(torch.tensor([1e-9]), torch.zeros(1))).real
    tensor([1.0000e-09])
    """
    turned_back = 2 * (z.imag / 2).sin().square()
    return torch.complex(z.real.expm1() * z.imag.cos() - turned_back, z.real.exp() * z.imag.sin())
