"""HiPPO-LegS: the state whose entries are the Legendre coefficients of all of the past, and its normal part.

Gu, Dao, Ermon, Rudra, Re (2020), "HiPPO: Recurrent Memory with Optimal Polynomial Projections", arXiv 2008.07669,
eq. 4; Gu, Goel, Re (2022), "Efficiently Modeling Long Sequences with Structured State Spaces", arXiv 2111.00396, eq. 2
and appendix C.1. All in float64.
"""

import torch
from torch import Tensor


def legs(states: int) -> tuple[Tensor, Tensor]:
    """A ``(S, S)`` and B ``(S,)`` of h' = A h + B u.

    A_nk is -sqrt((2n + 1)(2k + 1)) below the diagonal, -(n + 1) on it, 0 above; B_n = sqrt(2n + 1).

    >>> a, b = legs(2)
    >>> a.float(), b.float()
    (tensor([[-1.0000, -0.0000],
            [-1.7321, -2.0000]]), tensor([1.0000, 1.7321]))
    """
    n = torch.arange(states, dtype=torch.float64)
    b = (2 * n + 1).sqrt()
    return -torch.outer(b, b).tril(-1) - torch.diag(n + 1), b


def legs_low_rank(states: int) -> Tensor:
    """P ``(S,)``, P_n = sqrt(n + 1/2), which makes A + P P^T normal: -1/2 on the diagonal, antisymmetric beside it."""
    return (torch.arange(states, dtype=torch.float64) + 0.5).sqrt()


def legs_normal(pairs: int) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of the normal part of S = 2 ``pairs`` states, one of each conjugate pair.

    Returns:
        ``lambda (pairs,)`` by growing imaginary part, -1/2 its real part, and V ``(S, pairs)``, orthonormal, complex:
        A + P P^T = V diag(lambda) V^* + its conjugate.

    >>> legs_normal(1)[0]
    tensor([-0.5000+0.8660j], dtype=torch.complex128)
    """
    p = legs_low_rank(2 * pairs)
    below = torch.outer(p, p).tril(-1)
    frequency, vectors = torch.linalg.eigh(1j * (below - below.T))
    return torch.complex(torch.full((pairs,), -0.5, dtype=torch.float64), frequency[pairs:]), vectors[:, pairs:]
