"""Layer and root mean square normalisation inside gates, in torch's own operations."""

from torch import Tensor

from statewise.ops.compiled.norm import EPSILON


def normalised(u: Tensor, centred: Tensor) -> Tensor:
    """All numbers of a row, ``u (B, R, H)``, at once: less their mean, and by their size, see ``ops.compiled.norm``.

    >>> import torch
    >>> normalised(torch.tensor([[[1.0, 3.0]]]), centred=torch.ones(1)).round(decimals=3)
    tensor([[[-1.,  1.]]])
    """
    u = u - centred * u.mean((1, 2), keepdim=True)
    return u * (u.square().mean((1, 2), keepdim=True) + EPSILON).rsqrt()
