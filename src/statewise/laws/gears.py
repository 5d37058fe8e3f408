"""Laws 2 and 3: the two gears agree, and any way of cutting a sequence gives the same."""

from itertools import pairwise

import torch

from statewise import tree
from statewise.laws.broken import demand_equal
from statewise.laws.subject import BATCH, TIME, Subject, chunk, floating, loop, rows
from statewise.tree import State

CUTS = ((0, 0, 1, TIME), (0, 4, 4, 5, TIME), (0, *range(1, TIME + 1)))
"""Where sequences are cut: empty chunks, single steps and long chunks."""


def step_is_forward(subject: Subject) -> None:
    """Outputs, final state and all gradients, the initial state's included, under random cotangents."""
    names = [name for name, _ in subject.layer.named_parameters()]
    slow = _run_with_gradients(subject, use_loop=True)
    fast = _run_with_gradients(subject, use_loop=False)
    for place, expected, actual in zip(("output", "final state"), slow, fast, strict=False):
        demand_equal("step = forward", place, expected, actual)
    for name, expected, actual in zip(names, slow[2], fast[2], strict=True):
        demand_equal("step = forward", f"gradient of {name}", expected, actual)
    demand_equal("step = forward", "gradient of the input", slow[3], fast[3])
    demand_equal("step = forward", "gradient of the initial state", slow[4], fast[4])


def any_chunking(subject: Subject) -> None:
    """Cutting the sequence anywhere changes nothing; a reset equals starting anew."""
    whole = subject.layer(subject.x, subject.state)
    for cuts in CUTS:
        demand_equal("any chunking", f"cut at {cuts[1:-1]}", whole, _in_chunks(subject, cuts))
    _reset_is_a_new_start(subject)


def _in_chunks(subject: Subject, cuts: tuple[int, ...]) -> tuple[torch.Tensor, State]:
    state, outputs = subject.state, []
    for start, end in pairwise(cuts):
        y, state = subject.layer(chunk(subject.x, start, end), state)
        outputs.append(y)
    return torch.cat(outputs, dim=1), state


def _reset_is_a_new_start(subject: Subject) -> None:
    if subject.layer.training:
        return  # a reset row draws new noise seeds, so there is nothing to compare it with
    reset = torch.zeros(BATCH, TIME, dtype=torch.bool)
    reset[1, 4] = reset[2, 4] = reset[2, 7] = reset[4, 0] = True
    y, state = subject.layer(subject.x, subject.state, reset=reset)
    for row in range(BATCH):
        here = torch.tensor([row])
        cuts = [0, *reset[row].nonzero().flatten().tolist(), TIME]
        expected_state, parts = rows(subject.state, here), []
        for start, end in pairwise(cuts):
            if start in cuts[1:-1] or bool(reset[row, 0]):
                expected_state = subject.layer.initial_state(1)
            part, expected_state = subject.layer(chunk(rows(subject.x, here), start, end), expected_state)
            parts.append(part)
        expected = (torch.cat(parts, dim=1), expected_state)
        demand_equal("any chunking", f"reset of row {row}", expected, (y[here], rows(state, here)))


def _run_with_gradients(
    subject: Subject, *, use_loop: bool
) -> tuple[torch.Tensor, State, list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
    """Outputs, final state, and gradients of parameters, input leaves and state leaves under fixed cotangents."""
    layer = subject.layer
    x = tree.map(_require_gradient, subject.x)
    state = tree.map(_require_gradient, subject.state)
    y, final = loop(layer, x, state) if use_loop else layer(x, state)
    generator = torch.Generator().manual_seed(subject.seed)
    total = torch.zeros((), dtype=torch.float64)
    for leaf in (y, *tree.leaves(final)):
        if floating(leaf):
            total = total + (leaf * torch.randn(leaf.shape, generator=generator, dtype=leaf.dtype)).sum()
    parameters = list(layer.parameters())
    inputs = [leaf for leaf in tree.leaves(x) if floating(leaf)]
    states = [leaf for leaf in tree.leaves(state) if floating(leaf)]
    wanted = [*parameters, *inputs, *states]
    found = torch.autograd.grad(total, wanted, allow_unused=True) if total.requires_grad else [None] * len(wanted)
    gradients = [torch.zeros_like(w) if g is None else g for w, g in zip(wanted, found, strict=True)]
    first, second = len(parameters), len(parameters) + len(inputs)
    return y.detach(), tree.detach(final), gradients[:first], gradients[first:second], gradients[second:]


def _require_gradient(leaf: torch.Tensor) -> torch.Tensor:
    return leaf.detach().clone().requires_grad_(floating(leaf))
