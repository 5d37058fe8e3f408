"""Laws that encoders share with layers of trees and graphs, which all read a whole input at once."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from statewise import tree
from statewise.laws.broken import at, demand_equal
from statewise.laws.derivatives import demand_derivative, demand_reached, with_leaves
from statewise.laws.other_weights import ways_to_speak, with_other_weights
from statewise.laws.precision import NEARNESS, demand_near
from statewise.laws.subject import floating


class Whole(Protocol):
    """A module under examination, in float64, and what it is called with: the input, and what stands beside it."""

    @property
    def layer(self) -> nn.Module: ...

    @property
    def arguments(self) -> tuple[Any, Any]: ...

    @property
    def seed(self) -> int: ...


def demand_pure(subject: Whole, given: Callable[[], dict[str, tree.State]], other: tuple[Any, Any]) -> None:
    """Raise ``Fault`` if a call changes what it is given, weights or buffers, or what another call has said.

    Args:
        subject: the module and its arguments.
        given: the tensors in these arguments, by what they are called.
        other: other arguments.
    """

    def things() -> dict[str, tree.State]:
        return tree.map(torch.clone, {**given(), "weights and buffers": dict(subject.layer.state_dict())})

    before = things()
    first = subject.layer(*subject.arguments)
    after = things()
    for thing, kept in before.items():
        demand_equal(f"a call changes the {thing}", kept, after[thing], tolerance=0.0)
    subject.layer(*other)
    demand_equal("the same call twice", first, subject.layer(*subject.arguments))


def parameters_are_the_truth(subject: Whole) -> None:
    """``state_dict``, ``deepcopy`` and ``functional_call`` with another's parameters speak with its voice."""
    other = with_other_weights(subject.layer, subject.seed + 7)
    expected = other(*subject.arguments)
    for way, said in ways_to_speak(subject.layer, other, subject.arguments).items():
        demand_equal(f"{way}: output", expected, said)


def gradients(subject: Whole) -> None:
    """Every parameter is reached, and derivatives in all of them and in the input equal central differences."""
    demand_reached(subject.layer, subject.layer(*subject.arguments).square().sum())
    for name, parameter in subject.layer.named_parameters():
        if parameter.requires_grad:
            demand_derivative(f"parameter '{name}'", partial(_with_parameter, subject, name), parameter)
    for path, leaf in tree.named_leaves(subject.arguments[0]):
        if floating(leaf):
            place = at("the input", path)
            demand_derivative(place, partial(_with_input, subject, place), leaf)


def precisions(subject: Whole) -> None:
    """float32 and bfloat16 stay finite and near float64, and autocast stays finite."""
    reference = subject.layer(*subject.arguments)
    for dtype, allowed in NEARNESS.items():
        demand_near(f"the output in {dtype}", reference, _spoken(subject, dtype), allowed)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = _spoken(subject, torch.float32)
    demand_near("the output under autocast", reference, y, NEARNESS[torch.bfloat16])


def _with_parameter(subject: Whole, name: str, value: Tensor) -> Tensor:
    return torch.func.functional_call(subject.layer, {name: value}, subject.arguments)


def _with_input(subject: Whole, place: str, value: Tensor) -> Tensor:
    x, beside = subject.arguments
    return subject.layer(with_leaves("the input", x, {place: value}), beside)


def _spoken(subject: Whole, dtype: torch.dtype) -> Tensor:
    x, beside = subject.arguments
    cast = tree.map(lambda leaf: leaf.to(dtype) if floating(leaf) else leaf, x)
    return copy.deepcopy(subject.layer).to(dtype)(cast, beside)
