"""Every entry of the catalog keeps every law; what does not is an exemption with a reason and must fail."""

import time

import pytest
import torch

from statewise import laws
from statewise.catalog import CATALOG
from statewise.laws.check import EVAL_ONLY, LAWS, check_law
from statewise.models.resolve import make_layer

SECONDS = 10
"""A generous bound on the laws of one entry: two cores, shared"""


@pytest.mark.parametrize("name", CATALOG)
def test_the_entry_keeps_the_laws(name: str):
    entry = CATALOG[name]
    torch.manual_seed(0)
    layer = make_layer(entry, entry.example)
    began = time.process_time()
    for law in LAWS:
        for training in (False,) if law in EVAL_ONLY else (False, True):
            if law in entry.exemptions:
                with pytest.raises(laws.LawBroken):
                    check_law(law, layer, training=training)
            else:
                check_law(law, layer, training=training)
    assert time.process_time() - began < SECONDS


def test_widths_of_the_examples_differ_so_that_no_mix_up_hides():
    for entry in CATALOG.values():
        sizes = (5, entry.example["input_size"], entry.example["hidden_size"])
        assert len(set(sizes)) == 3, entry.name


def test_every_entry_declares_at_most_two_knobs():
    assert all(len(entry.knobs) <= 2 for entry in CATALOG.values())
