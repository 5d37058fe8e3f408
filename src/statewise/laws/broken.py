"""How a broken law is reported, and how two trees of tensors are compared."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from statewise import tree
from statewise.tree import State

TOLERANCE = 1e-9
"""Relative to 1 + the largest magnitude, in float64."""


class LawBroken(AssertionError):
    """A layer breaks a law; the message names the law, the place and the size of the difference."""

    def __init__(self, law: str, message: str) -> None:
        super().__init__(f"law '{law}': {' '.join(message.split())}")
        self.law = law


class Fault(AssertionError):
    """What a law finds: the place and the size of the difference. Whoever tries the law names it."""


@contextmanager
def naming(law: str) -> Iterator[None]:
    """Whatever goes wrong inside the ``with`` block is reported as ``law`` broken."""
    try:
        yield
    except Fault as fault:
        raise LawBroken(law, str(fault)) from fault.__cause__
    except Exception as error:
        raise LawBroken(law, f"{type(error).__name__}: {error}") from error


def difference(first: Tensor, second: Tensor) -> float:
    """The largest difference, relative to 1 + the largest magnitude; infinite where only one of the two is a number."""
    if first.numel() == 0:
        return 0.0
    if not first.dtype.is_floating_point:
        return float((first != second).any())
    both_nan = first.isnan() & second.isnan()
    gap = torch.where(both_nan, 0.0, (first - second).abs())
    scale = 1 + torch.nan_to_num(first.abs(), nan=0.0, posinf=0.0).max()
    largest = float((gap / scale).max())
    return float("inf") if largest != largest else largest


def at(place: str, path: str) -> str:
    """The name of the leaf ``path`` of the tree ``place``: ``state.h``, ``state['h']`` or ``state``."""
    return place + path if path.startswith("[") else f"{place}.{path}".rstrip(".")


def demand_equal(place: str, expected: State, actual: State, tolerance: float = TOLERANCE) -> None:
    """Raise ``Fault`` unless two trees agree in structure, shapes, dtypes and, within tolerance, in values."""
    if tree.structure(expected) != tree.structure(actual):
        raise Fault(f"{place}: structure {tree.structure(actual)}, expected {tree.structure(expected)}")
    for (path, left), right in zip(tree.named_leaves(expected), tree.leaves(actual), strict=True):
        where = at(place, path)
        if left.shape != right.shape or left.dtype != right.dtype:
            raise Fault(f"{where}: {tuple(right.shape)} {right.dtype}, expected {tuple(left.shape)} {left.dtype}")
        gap = difference(left.detach(), right.detach())
        if not gap <= tolerance:
            raise Fault(f"{where}: differs by {gap:.3g} (allowed {tolerance:.0e})")


def demand_same_run(
    place: str, expected: tuple[Tensor, State], actual: tuple[Tensor, State], tolerance: float = TOLERANCE
) -> None:
    """Raise ``Fault`` unless two runs agree in outputs and final state."""
    demand_equal(f"{place}: output", expected[0], actual[0], tolerance)
    demand_equal(f"{place}: final state", expected[1], actual[1], tolerance)
