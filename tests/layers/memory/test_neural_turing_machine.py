"""The machine against the paper's equations in numpy, made by hand to copy, and free of the faults others had."""

import io
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from statewise import laws, probe, tree
from statewise.contract import LayerFactory
from statewise.layers.memory import addressing
from statewise.layers.memory.feedforward import Feedforward
from statewise.layers.memory.neural_turing_machine import CLAMP, NeuralTuringMachine, NTMState
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.lstm import LSTM

from . import papers_equations as paper

CONTROLLERS = [Feedforward, LSTM]


def example(controller: LayerFactory = Feedforward, **options) -> NeuralTuringMachine:
    torch.manual_seed(0)
    sizes = {"slots": 7, "slot_width": 4, "read_heads": 2, "write_heads": 2, **options}
    return NeuralTuringMachine(input_size=3, hidden_size=5, controller=controller, **sizes)


def warm_state(layer: NeuralTuringMachine, rows: int) -> NTMState:
    start = layer.initial_state(rows)
    heads = layer.read_heads + layer.write_heads
    drawn = tree.map(torch.randn_like, tree.detach(start))
    return drawn._replace(weights=torch.randn(rows, heads, layer.slots).softmax(dim=-1).to(start.memory))


def one_step(layer: NeuralTuringMachine, x: np.ndarray, state: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """One row, one step: all heads place themselves on the memory as it was; then all write; then all read."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    memory, weights, last_read, *controller = state
    seen = np.concatenate([x, last_read])
    if controller:
        w, u, b, b_u = (
            p[f"controller.{name}"] for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        )
        i, f, g, o = np.split(w @ seen + u @ controller[0] + b + b_u, 4)
        c = paper.sigmoid(f) * controller[1] + paper.sigmoid(i) * np.tanh(g)
        h = paper.sigmoid(o) * np.tanh(c)
        controller = [h, c]
    else:
        h = np.tanh(p["controller.linear.weight"] @ seen + p["controller.linear.bias"])
    said = p["interface.weight"] @ h + p["interface.bias"]
    readers, heads, width = layer.read_heads, layer.read_heads + layer.write_heads, layer.slot_width
    places, contents = said[: -2 * layer.write_heads * width], said[-2 * layer.write_heads * width :]
    weights = [paper.weighting(memory, w, s) for w, s in zip(weights, np.split(places, heads), strict=True)]
    writes = [
        (w, paper.sigmoid(content[:width]), np.tanh(content[width:]))
        for w, content in zip(weights[readers:], np.split(contents, layer.write_heads), strict=True)
    ]
    memory = paper.erased_and_added(memory, writes)
    reads = np.concatenate([paper.read(memory, w) for w in weights[:readers]])
    y = p["readout.weight"] @ np.concatenate([h, reads]) + p["readout.bias"]
    return y, [memory, np.array(weights), reads, *controller]


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_equals_the_papers_equations_number_by_number(controller, monkeypatch):
    monkeypatch.setattr(addressing, "TINY", 0.0)
    monkeypatch.setattr(addressing, "NOTHING", 0.0)
    layer = example(controller).double()
    with torch.no_grad():
        layer.interface.weight.mul_(4)  # heads that mean what they say
    x, start = torch.randn(3, 8, 3).double(), warm_state(layer, 3)
    y, final = layer(x, start)
    for row in range(3):
        state = [leaf[row].numpy() for leaf in tree.leaves(start)]
        for t in range(8):
            expected, state = one_step(layer, x[row, t].numpy(), state)
            np.testing.assert_allclose(y[row, t].detach().numpy(), expected, rtol=1e-9, atol=1e-11)
        for leaf, wanted in zip(tree.leaves(final), state, strict=True):
            np.testing.assert_allclose(leaf[row].detach().numpy(), wanted, rtol=1e-9, atol=1e-11)


BITS, WRITE, READ = 4, 4, 5
"""Input of the copying machine: four bits of +-1, a flag to write, a flag to read"""


def copying_machine(slots: int) -> NeuralTuringMachine:
    """Made by hand: the write head takes a step and writes the bits, the read head takes a step and reads them."""
    layer = NeuralTuringMachine(input_size=BITS + 2, hidden_size=BITS + 2, slots=slots, slot_width=BITS).double()
    for parameter in layer.parameters():
        torch.nn.init.zeros_(parameter)
    gate, back, stay, on, sharp = range(BITS + 1, BITS + 6)  # after the key and its strength
    head, contents = BITS + 6, 2 * (BITS + 6)
    with torch.no_grad():
        layer.controller.linear.weight[:, : BITS + 2] = 50 * torch.eye(BITS + 2)  # h is the input, saturated
        layer.start[:, 0] = 100.0
        for number, flag in ((0, READ), (1, WRITE)):
            first = number * head
            layer.interface.bias[first + gate] = -CLAMP  # by place, not by content
            layer.interface.bias[first + back] = -CLAMP
            layer.interface.bias[first + sharp] = CLAMP
            layer.interface.bias[first + stay], layer.interface.weight[first + stay, flag] = CLAMP, -2 * CLAMP
            layer.interface.bias[first + on], layer.interface.weight[first + on, flag] = -CLAMP, 2 * CLAMP
        layer.interface.bias[contents : contents + BITS] = -CLAMP  # erases only where it writes
        layer.interface.weight[contents : contents + BITS, WRITE] = 2 * CLAMP
        layer.interface.weight[contents + BITS :, :BITS] = CLAMP * torch.eye(BITS)
        layer.readout.weight[:BITS, BITS + 2 :] = torch.eye(BITS)
    return layer


def told(bits: torch.Tensor, *, reads: int) -> torch.Tensor:
    """``bits (T, 4)`` with the flag to write, then as many steps with the flag to read."""
    writing = torch.cat([bits, torch.tensor([[1.0, 0.0]]).expand(len(bits), -1)], dim=1)
    reading = torch.tensor([[0.0] * BITS + [0.0, 1.0]]).expand(reads, -1)
    return torch.cat([writing, reading]).double().unsqueeze(0)


def random_bits(length: int) -> torch.Tensor:
    torch.manual_seed(length)
    return 2.0 * torch.randint(2, (length, BITS)) - 1


@pytest.mark.parametrize("length", [1, 5, 20])
def test_a_machine_made_by_hand_copies(length):
    bits = random_bits(length)
    y, state = copying_machine(slots=24)(told(bits, reads=length))
    torch.testing.assert_close(y[0, length:, :BITS], bits.double(), rtol=0, atol=1e-4)
    torch.testing.assert_close(state.memory[0, 1 : length + 1], bits.double(), rtol=0, atol=1e-4)


def test_what_is_written_twice_is_what_was_written_last():
    """Nine vectors around six slots: the last six stand there, without a trace of the first three."""
    bits = random_bits(9)
    y, _ = copying_machine(slots=6)(told(bits, reads=6))
    expected = torch.stack([bits[6], bits[7], bits[8], bits[3], bits[4], bits[5]])
    torch.testing.assert_close(y[0, 9:, :BITS], expected.double(), rtol=0, atol=1e-4)


def test_what_is_written_in_a_step_is_read_in_it():
    layer = copying_machine(slots=6)
    both = torch.cat([random_bits(4), torch.ones(4, 2)], dim=1).double().unsqueeze(0)
    torch.testing.assert_close(layer(both)[0][..., :BITS], both[..., :BITS], rtol=0, atol=1e-4)


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_whatever_heads_say_stays_finite_with_its_gradients(controller):
    layer = example(controller)
    with torch.no_grad():
        layer.interface.weight.mul_(1e6)
    x = (1e4 * torch.randn(2, 30, 3)).requires_grad_()
    y, state = layer(x)
    y.square().mean().backward()
    assert all(bool(leaf.isfinite().all()) for leaf in [y, *tree.leaves(state), x.grad])
    assert all(bool(p.grad.isfinite().all()) for p in layer.parameters() if p.grad is not None)


def test_after_thousands_of_steps_weights_are_weights():
    layer = example()
    with torch.no_grad():
        layer.interface.weight.mul_(30)
        state = layer.initial_state(2)
        for _ in range(3):
            y, state = layer(torch.randn(2, 1000, 3), state)
    assert bool(y.isfinite().all())
    assert bool((state.weights >= 0).all())
    torch.testing.assert_close(state.weights.sum(dim=-1), torch.ones(2, 4))


def test_equal_slots_part():
    """Rows of equal slots with equal weights never would; heads that begin at places of their own part them."""
    layer = example(slots=20)
    start = layer.initial_state(1)
    assert start.memory.unique().numel() == 1
    assert start.weights.max() > 0.8
    _, state = layer(torch.randn(1, 10, 3))
    assert (state.memory[0].std(dim=0) > 1e-3).all()


def test_the_start_is_learned_and_belongs_to_the_weights():
    layer = example()
    assert {"start", "read_at_start"} <= layer.state_dict().keys()
    layer(torch.randn(2, 5, 3))[0].square().sum().backward()
    assert layer.start.grad.abs().sum() > 0
    assert layer.read_at_start.grad.abs().sum() > 0
    assert all(leaf.dtype == torch.float64 for leaf in tree.leaves(example().double().initial_state(2)))


@pytest.mark.parametrize("controller", CONTROLLERS)
def test_a_conversation_can_be_saved_and_goes_on(controller):
    layer = example(controller)
    x = torch.randn(2, 12, 3)
    whole, _ = layer(x)
    _, state = layer(x[:, :5])
    stored = io.BytesIO()
    torch.save({"weights": layer.state_dict(), "state": tree.leaves(tree.detach(state))}, stored)
    stored.seek(0)
    loaded = torch.load(stored, weights_only=True)
    again = example(controller, shift_range=1)
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.zero_()
    again.load_state_dict(loaded["weights"])
    torch.testing.assert_close(
        again(x[:, 5:], pytree.tree_unflatten(loaded["state"], pytree.tree_structure(state)))[0], whole[:, 5:]
    )


def test_a_feed_forward_controller_remembers_by_its_memory_alone():
    """Otherwise a task could be solved past the memory, and a comparison would not say what the memory is worth."""
    layer, x = example(), torch.randn(2, 6, 3)
    state = warm_state(layer, 2)
    assert tree.leaves(state.controller) == []
    emptied = state._replace(memory=torch.zeros_like(state.memory))
    assert not torch.allclose(layer(x, state)[0], layer(x, emptied)[0])


def test_where_heads_are_can_be_watched():
    layer = example()
    with probe.recording(layer) as seen:
        layer(torch.randn(2, 6, 3))
    for name, heads in (("read_weights", 2), ("write_weights", 2)):
        assert seen[""][name].shape == (2, 6, heads, 7)


@pytest.mark.parametrize(
    "options",
    [{"slots": 0}, {"slot_width": 0}, {"read_heads": 0}, {"write_heads": 0}, {"shift_range": -1}],
    ids=str,
)
def test_impossible_sizes_are_refused(options):
    with pytest.raises(ValueError, match="at least 1"):
        NeuralTuringMachine(input_size=3, hidden_size=4, **options)


def test_any_layer_controls():
    layer = NeuralTuringMachine(input_size=3, hidden_size=4, controller=partial(GRU, keep_bias=7.0), slots=6)
    assert layer.controller.input_form.size == 3 + layer.slot_width
    laws.check(layer)
