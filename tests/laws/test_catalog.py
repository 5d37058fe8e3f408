"""Every entry of the catalog keeps every law; what does not is an exemption with a reason and must fail."""

import importlib
import sys
import time

import pytest
import torch

from statewise import laws, tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer
from statewise.laws.check import EVAL_ONLY, LAWS, check_law
from statewise.models.resolve import make_layer

SECONDS = 3
"""What the laws of one entry may take of one core: they take 0.1 to 1.5"""


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_the_entry_keeps_the_laws(name: str):
    """The first time loops may have to be compiled on the way, and a machine may be busy."""
    assert any(seconds_of_laws(name) < SECONDS for _ in range(3))


def seconds_of_laws(name: str) -> float:
    """What it takes to try every law on an entry."""
    entry = SEQUENCE_LAYERS[name]
    torch.manual_seed(0)
    layer = make_layer(entry, entry.small)
    began = time.process_time()
    for law in LAWS:
        for training in (False,) if law in EVAL_ONLY else (False, True):
            if law in entry.exemptions:
                with pytest.raises(laws.LawBroken):
                    check_law(law, layer, training=training)
            else:
                check_law(law, layer, training=training)
    return time.process_time() - began


def test_widths_of_the_examples_differ_so_that_no_mix_up_hides():
    for entry in SEQUENCE_LAYERS.values():
        sizes = (5, entry.small["input_size"], entry.small["hidden_size"])
        assert len(set(sizes)) == 3, entry.name


def test_every_entry_declares_at_most_two_knobs():
    assert all(len(entry.knobs) <= 2 for entry in SEQUENCE_LAYERS.values())


@pytest.mark.parametrize("name", SEQUENCE_LAYERS)
def test_a_step_is_written_out_and_does_not_lean_on_the_fast_path(name: str, monkeypatch: pytest.MonkeyPatch):
    """Otherwise law 2 would hold the fast path to itself."""
    layer = make_layer(SEQUENCE_LAYERS[name], SEQUENCE_LAYERS[name].small)
    for part in layer.modules():
        if isinstance(part, SequenceLayer):
            monkeypatch.setattr(type(part), "_segments", None)
    with pytest.raises(TypeError):
        layer(torch.zeros(2, 1, 3))
    y, _ = layer.step(torch.zeros(2, 3), layer.initial_state(2))
    assert y.shape == (2, 4)


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("lru", "linear_recurrence"),
        ("min-gru", "elementwise_recurrence"),
        ("min-lstm", "elementwise_recurrence"),
        ("ind-rnn", "elementwise_recurrence"),
        ("sru", "elementwise_recurrence"),
        ("slstm", "dense_recurrence"),
        ("rg-lru", "causal_convolution"),
        ("rg-lru", "elementwise_recurrence"),
        ("qrnn", "causal_convolution"),
        ("qrnn", "elementwise_recurrence"),
        ("s4d", "diagonal_convolution"),
        ("s4", "state_space_convolution"),
        ("s5", "linear_recurrence"),
        ("mamba", "causal_convolution"),
        ("mamba", "selective_scan"),
        ("mamba-2", "causal_convolution"),
        ("mamba-2", "matrix_recurrence"),
        ("gated-delta-net", "delta_rule"),
        ("rwkv", "matrix_recurrence"),
        ("hyena", "causal_convolution"),
        ("mlstm", "matrix_recurrence"),
        ("mlstm", "running_maximum"),
        ("attention", "windowed_attention"),
        ("tcn", "causal_convolution"),
        ("window-mlp", "causal_convolution"),
    ],
)
def test_a_fast_operation_gone_wrong_is_noticed(name: str, operation: str, monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    layer = make_layer(SEQUENCE_LAYERS[name], SEQUENCE_LAYERS[name].small)
    right = getattr(importlib.import_module(f"statewise.ops.{operation}"), operation)
    for place, module in list(sys.modules.items()):
        if place.startswith("statewise.layers.") and getattr(module, operation, None) is right:
            monkeypatch.setattr(
                module, operation, lambda *args, **options: tree.map(lambda y: 1.01 * y, right(*args, **options))
            )
    with pytest.raises(laws.LawBroken):
        check_law("step = forward", layer, training=False)
