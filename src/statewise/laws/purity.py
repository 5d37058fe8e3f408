"""Nothing is mutated or remembered, and parameters and buffers are the whole truth."""

import copy

import torch

from statewise import tree
from statewise.contract import Input, SequenceLayer, take_step
from statewise.laws.broken import Fault, demand_equal, demand_same_run, difference
from statewise.laws.other_weights import through_file, ways_to_speak, with_other_weights
from statewise.laws.subject import Subject


def pure(subject: Subject) -> None:
    """Twice the same; inputs, state, weights and buffers untouched to the last bit; nothing remembered elsewhere.

    In train mode too, and so ``torch.nn.utils.parametrizations.spectral_norm``, which takes a step in its buffers
    whenever the weight is looked at, breaks this in train mode, as does noise that is drawn anew at every call, such as
    DropConnect as a parametrisation; in eval mode both keep it. ``weight_norm`` and fixed masks keep it always.
    """
    layer, x, state = subject.layer, subject.x, subject.state
    kept = tree.map(torch.clone, (x, state, dict(layer.state_dict())))
    first = layer(x, state)
    _demand_untouched("forward", subject, kept)
    layer(subject.fresh_input(salt=2), None)
    x_t = take_step(x, 0)
    stepped = layer.step(x_t, state)
    _demand_untouched("step", subject, kept)
    demand_same_run("the same call twice", first, layer(x, state))
    demand_same_run("the same step twice", stepped, layer.step(x_t, state))


def _demand_untouched(gear: str, subject: Subject, kept: tuple[Input, tree.State, dict[str, torch.Tensor]]) -> None:
    now = (subject.x, subject.state, dict(subject.layer.state_dict()))
    for thing, before, after in zip(("input", "state", "weights and buffers"), kept, now, strict=True):
        demand_equal(f"{gear} changes the {thing}", before, after, tolerance=0.0)


def parameters_are_the_truth(subject: Subject) -> None:
    """``state_dict``, ``deepcopy`` and ``functional_call`` with another's parameters speak with its voice."""
    other = with_other_weights(subject.layer, subject.seed + 7)
    expected = _speak(other, subject)
    if any(parameter.numel() for parameter in other.parameters()):
        gap = difference(_speak(subject.layer, subject)[0].detach(), expected[0].detach())
        if gap == 0:
            raise Fault("changing every parameter changes nothing")
    for way, said in ways_to_speak(subject.layer, other, (subject.x, subject.state)).items():
        demand_same_run(way, expected, said)
    _from_initial_states(subject, other)


def _from_initial_states(subject: Subject, other: SequenceLayer) -> None:
    loaded = copy.deepcopy(subject.layer)
    loaded.load_state_dict(through_file(other))
    torch.manual_seed(subject.seed)
    expected = other(subject.x)
    torch.manual_seed(subject.seed)
    demand_same_run("state_dict, from initial states", expected, loaded(subject.x))


def _speak(layer: SequenceLayer, subject: Subject) -> tuple[torch.Tensor, tree.State]:
    return layer(subject.x, subject.state)
