"""The gears agree, and any way of cutting a sequence gives the same."""

import math
from itertools import pairwise

import torch

from statewise import tree
from statewise.contract import slice_time, take_step, values_of, with_values
from statewise.laws.broken import at, demand_equal, demand_same_run
from statewise.laws.subject import BATCH, TIME, Subject, floating, loop, rows
from statewise.tree import State

CUTS = ((0, 0, 1, TIME), (0, 4, 4, 5, TIME), (0, *range(1, TIME + 1)))
"""Where sequences are cut: empty chunks, single steps and long chunks."""
SHORT = (0, 3, 5, 7, TIME)
"""Where they are cut into chunks that are shorter than what some layers take at once"""


def step_is_forward(subject: Subject) -> None:
    """Outputs, final state and all gradients, the initial state's included, under random cotangents."""
    slow = _run_with_gradients(subject, use_loop=True)
    fast = _run_with_gradients(subject, use_loop=False)
    demand_same_run("the whole sequence", slow[:2], fast[:2])
    for name, expected in slow[2].items():
        demand_equal(f"gradient of {name}", expected, fast[2][name])


def stepper_is_step(subject: Subject) -> None:
    """A stepper's outputs and state are those of ``step``, and what it was given stays as it was.

    Its input is somebody else's memory, which is overwritten after every step.
    """
    expected = loop(subject.layer, subject.x, subject.state)
    stepper, outputs = subject.layer.stepper(subject.state), []
    for time in range(TIME):
        x = tree.map(torch.clone, take_step(subject.x, time))
        outputs.append(stepper(x).clone())
        tree.map(lambda leaf: leaf.fill_(math.nan if floating(leaf) else 0), x)
    demand_same_run("the whole sequence", expected, (torch.stack(outputs, dim=1), stepper.state))
    again = loop(subject.layer, subject.x, subject.state)
    demand_same_run("the state that it was given", expected, again)


def any_chunking(subject: Subject) -> None:
    """Cutting the sequence anywhere changes nothing; a reset equals starting anew."""
    whole = subject.layer(subject.x, subject.state)
    for cuts in CUTS:
        demand_same_run(f"cut at {cuts[1:-1]}", whole, _in_chunks(subject, cuts))
    _reset_is_a_new_start(subject)
    _nothing_passes_a_reset(subject)


def _in_chunks(
    subject: Subject, cuts: tuple[int, ...], reset: torch.Tensor | None = None
) -> tuple[torch.Tensor, State]:
    state, outputs = subject.state, []
    for start, end in pairwise(cuts):
        here = None if reset is None else reset[:, start:end]
        y, state = subject.layer(slice_time(subject.x, start, end), state, reset=here)
        outputs.append(y)
    return torch.cat(outputs, dim=1), state


def _reset_is_a_new_start(subject: Subject) -> None:
    if subject.layer.training:
        return  # a reset row draws new noise seeds, so there is nothing to compare it with
    reset = torch.zeros(BATCH, TIME, dtype=torch.bool)
    reset[1, [4, -1]] = reset[2, 4] = reset[2, 7] = reset[3] = reset[4, 0] = True
    y, state = subject.layer(subject.x, subject.state, reset=reset)
    for row in range(BATCH):
        here = torch.tensor([row])
        cuts = [0, *reset[row].nonzero().flatten().tolist(), TIME]
        expected_state, parts = rows(subject.state, here), []
        for start, end in pairwise(cuts):
            if start in cuts[1:-1] or bool(reset[row, 0]):
                expected_state = subject.layer.initial_state(1)
            part, expected_state = subject.layer(slice_time(rows(subject.x, here), start, end), expected_state)
            parts.append(part)
        expected = (torch.cat(parts, dim=1), expected_state)
        demand_same_run(f"reset of row {row}", expected, (y[here], rows(state, here)))
    demand_same_run(f"resets, cut at {SHORT[1:-1]}", (y, state), _in_chunks(subject, SHORT, reset))


def _nothing_passes_a_reset(subject: Subject) -> None:
    """Neither values nor gradients, even of what is not a number."""
    if subject.layer.training or not floating(values_of(subject.x)):
        return
    clean, poisoned = (_after_a_reset(subject, before) for before in (0.0, float("nan")))
    demand_equal("what follows a reset", clean[0], poisoned[0])
    demand_equal("its gradient", clean[1], poisoned[1])
    demand_equal("its gradient before the reset", torch.zeros_like(clean[2]), clean[2])


def _after_a_reset(subject: Subject, before: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What follows a reset, with a gradient to inputs after and before it, which have the value given."""
    row, begun = 1, 4
    reset = torch.zeros(BATCH, TIME, dtype=torch.bool)
    reset[row, begun] = True
    values = values_of(subject.x).detach().clone()
    values[row, :begun] = before
    values.requires_grad_()
    y, _ = subject.layer(with_values(subject.x, values), subject.state, reset=reset)
    after = y[row, begun:]
    gradient = torch.autograd.grad(after.square().sum(), values)[0][row]
    return after.detach(), gradient[begun:], gradient[:begun]


def _run_with_gradients(subject: Subject, *, use_loop: bool) -> tuple[torch.Tensor, State, dict[str, torch.Tensor]]:
    """Outputs, final state, and the gradient of every parameter, input leaf and state leaf under fixed cotangents."""
    layer = subject.layer
    x = tree.map(_require_gradient, subject.x)
    state = tree.map(_require_gradient, subject.state)
    y, final = loop(layer, x, state) if use_loop else layer(x, state)
    generator = torch.Generator().manual_seed(subject.seed)
    total = torch.zeros((), dtype=torch.float64)
    for leaf in (y, *tree.leaves(final)):
        if floating(leaf):
            total = total + (leaf * torch.randn(leaf.shape, generator=generator, dtype=leaf.dtype)).sum()
    wanted = {
        **{f"parameter '{name}'": p for name, p in layer.named_parameters() if p.requires_grad},
        **{at("the input", path): leaf for path, leaf in tree.named_leaves(x) if floating(leaf)},
        **{at("the initial state", path): leaf for path, leaf in tree.named_leaves(state) if floating(leaf)},
    }
    if not total.requires_grad:
        return y, final, {name: torch.zeros_like(leaf) for name, leaf in wanted.items()}
    found = torch.autograd.grad(total, list(wanted.values()), allow_unused=True, materialize_grads=True)
    return y.detach(), tree.detach(final), dict(zip(wanted, found, strict=True))


def _require_gradient(leaf: torch.Tensor) -> torch.Tensor:
    return leaf.detach().clone().requires_grad_(floating(leaf))
