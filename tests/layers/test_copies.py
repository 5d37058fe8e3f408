"""Ways of having a layer twice: made without memory and filled, copied, pickled whole."""

import copy
import io
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from statewise import tree
from statewise.catalog import CATALOG, SEQUENCE_LAYERS
from statewise.contract import SequenceLayer, Structure, StructureLayer, example_input, example_values
from statewise.laws.structures import example_parts
from statewise.models.resolve import make_layer


def make(name: str) -> nn.Module:
    entry = CATALOG[name]
    made = make_layer(entry, entry.small) if name in SEQUENCE_LAYERS else entry.layer(**entry.small)
    return made.eval()


def said(layer: nn.Module) -> list[Tensor]:
    """What a layer answers to an input that is always the same, and its state after it."""
    if isinstance(layer, StructureLayer):
        structure = Structure.batch(example_parts(layer, seed=0))
        return [layer(example_values(layer.input_form, (structure.nodes,), layer), structure)]
    assert isinstance(layer, SequenceLayer)
    return tree.leaves(layer(example_input(layer, batch=2, time=9)))


def poison(module: nn.Module) -> None:
    """What memory that nobody wrote to may hold at worst."""
    for tensor in (*module.parameters(), *module.buffers()):
        tensor.data.fill_(float("nan") if tensor.is_floating_point() else 0)


def through_pickle(layer: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(layer))


def through_torch(layer: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("name", CATALOG)
def test_made_without_memory_and_filled_it_says_the_same(name: str):
    layer = make(name)
    with torch.device("meta"):
        bare = make(name)
    filled = bare.to_empty(device="cpu")
    poison(filled)
    filled.load_state_dict(layer.state_dict())
    assert all(torch.equal(mine, its) for mine, its in zip(said(layer), said(filled), strict=True))


@pytest.mark.parametrize("again", [copy.deepcopy, through_pickle, through_torch])
@pytest.mark.parametrize("name", CATALOG)
def test_a_copy_says_the_same(name: str, again: Callable[[nn.Module], nn.Module]):
    layer = make(name)
    if again is not copy.deepcopy and any(parametrize.is_parametrized(part) for part in layer.modules()):
        with pytest.raises(RuntimeError, match="only supported through state_dict"):
            again(layer)
        assert "``state_dict``" in (type(layer).__doc__ or "")
        return
    assert all(torch.equal(mine, its) for mine, its in zip(said(layer), said(again(layer)), strict=True))
