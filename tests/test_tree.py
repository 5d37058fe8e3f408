"""States as trees: their form in words, and whether one fits."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from statewise import tree


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


@dataclass
class Registered:
    leaf: Tensor


pytree.register_pytree_node(
    Registered,
    lambda node: ([node.leaf], None),
    lambda leaves, _: Registered(*leaves),
    flatten_with_keys_fn=lambda node: ([(pytree.GetAttrKey("leaf"), node.leaf)], None),
)


def example(batch: int) -> dict[str, object]:
    pair = Pair(torch.zeros(batch, 3), torch.zeros(batch, dtype=torch.int64))
    return {"layers": (pair, [], ()), "bare": torch.zeros(batch, 2)}


def test_the_structure_is_one_line_without_the_numbers():
    assert tree.structure(example(5)) == "{'layers': (Pair(first=*, second=*), [], ()), 'bare': *}"
    assert tree.structure(example(5)) == tree.structure(example(2))
    assert tree.structure(torch.zeros(3)) == "*"


class TestFreeAxes:
    """An axis beyond the batch that is empty in the initial state is as long as whoever made the state chose."""

    INITIAL = Pair(torch.ones(2, 3), torch.zeros(2, 0, 4))

    @pytest.mark.parametrize("length", [0, 1, 7])
    @pytest.mark.parametrize("batch", [0, 1, 5])
    def test_may_be_of_any_length(self, length, batch):
        state = Pair(torch.zeros(batch, 3), torch.zeros(batch, length, 4))
        assert tree.fits(state, tree.form(self.INITIAL), batch)
        assert tree.misfit(state, self.INITIAL, batch) is None

    @pytest.mark.parametrize("shape", [(5, 7, 3), (4, 7, 4), (5, 7), (5, 7, 4, 1), (5, 0, 0), (5,)])
    def test_are_the_only_ones(self, shape):
        state = Pair(torch.zeros(5, 3), torch.zeros(shape))
        assert not tree.fits(state, tree.form(self.INITIAL), 5)
        assert tree.misfit(state, self.INITIAL, 5) == f"its leaf 'second' has shape {shape}, expected (5, any, 4)"

    @pytest.mark.parametrize("length", [0, 1, 7])
    def test_are_padded_with_zeros_and_nothing_else_changes(self, length):
        padded = tree.pad_like(self.INITIAL, Pair(torch.randn(2, 3), torch.randn(2, length, 4)))
        torch.testing.assert_close(padded, Pair(torch.ones(2, 3), torch.zeros(2, length, 4)), rtol=0, atol=0)

    def test_no_rows_are_no_free_axis(self):
        assert not tree.fits(torch.zeros(5, 3), tree.form(torch.zeros(0, 3)), 0)
        assert tree.pad_like(torch.zeros(0, 3), torch.zeros(5, 3)).shape == (0, 3)


@pytest.mark.parametrize("batch", [0, 1, 5])
def test_a_state_fits_its_own_form_with_any_number_of_rows(batch):
    assert tree.fits(example(batch), tree.form(example(1)), batch)
    assert tree.misfit(example(batch), example(1), batch) is None


PAIR = Pair(torch.zeros(5, 3), torch.zeros(5, dtype=torch.int64))
WRONG = {
    "another nesting": {"layers": (PAIR, []), "bare": torch.zeros(5, 2)},
    "a tuple for the named one": {"layers": (tuple(PAIR), [], ()), "bare": torch.zeros(5, 2)},
    "a list for a tuple": {"layers": [PAIR, [], ()], "bare": torch.zeros(5, 2)},
    "a leaf for a branch": {"layers": torch.zeros(5), "bare": torch.zeros(5, 2)},
    "a branch for a leaf": {"layers": (PAIR, [], ()), "bare": (torch.zeros(5, 2),)},
    "another key": {"layers": (PAIR, [], ()), "bear": torch.zeros(5, 2)},
    "another order of keys": {"bare": torch.zeros(5, 2), "layers": (PAIR, [], ())},
    "another width": {"layers": (PAIR, [], ()), "bare": torch.zeros(5, 3)},
    "another axis": {"layers": (PAIR, [], ()), "bare": torch.zeros(5, 2, 1)},
    "another batch in one leaf": {"layers": (PAIR, [], ()), "bare": torch.zeros(4, 2)},
    "another dtype": {"layers": (PAIR._replace(second=torch.zeros(5)), [], ()), "bare": torch.zeros(5, 2)},
    "no tensor": {"layers": (PAIR, [], ()), "bare": None},
}


@pytest.mark.parametrize("state", WRONG.values(), ids=WRONG)
def test_what_is_not_like_the_example_does_not_fit_and_is_described(state):
    assert not tree.fits(state, tree.form(example(1)), 5)
    described = tree.misfit(state, example(1), 5)
    assert described is not None
    assert "\n" not in described


def test_leaves_are_cast_where_their_dtype_is_another():
    reference = example(5)
    assert tree.closed(reference, reference) is reference
    pair, *rest = reference["layers"]
    changed = {**reference, "layers": (pair._replace(first=pair.first.bfloat16()), *rest)}
    node = Registered(torch.zeros(5, 3))
    for cast in (tree.cast_like, tree.closed):
        assert tree.form(cast(changed, reference)) == tree.form(reference)
        assert cast(Registered(node.leaf.double()), node).leaf.dtype == torch.float32


@pytest.mark.parametrize("name", ["another width", "another axis", "another batch in one leaf"])
def test_a_state_is_not_closed_where_a_shape_changes(name):
    with pytest.raises(ValueError, match=r"a state's leaf of shape \(5, 2\) came back as "):
        tree.closed(WRONG[name], example(5))
    with pytest.raises(ValueError, match=r"of shape \(5, 3\) came back as \(5, 4\)"):
        tree.closed(Registered(torch.zeros(5, 4)), Registered(torch.zeros(5, 3)))


@pytest.mark.parametrize(
    "state", [state for name, state in WRONG.items() if "nesting" in name or "tuple" in name or "key" in name]
)
def test_a_tree_is_not_cast_like_one_of_another_structure(state):
    with pytest.raises(ValueError, match=r"a state of structure .* came back as "):
        tree.cast_like(state, example(5))


def test_whole_numbers_are_not_cast_to_real_ones_nor_the_reverse():
    count, real = (torch.zeros(2, dtype=torch.int64),), (torch.zeros(2),)
    for tree_of, reference in ((count, real), (real, count)):
        with pytest.raises(ValueError, match=r"a state's leaf of .* came back as "):
            tree.cast_like(tree_of, reference)


def test_nodes_of_other_kinds_are_left_to_the_closer_look():
    node = Registered(torch.zeros(5, 3))
    assert not tree.fits(node, tree.form(node), 5)
    assert tree.misfit(node, Registered(torch.zeros(1, 3)), 5) is None
    assert tree.misfit(node, Registered(torch.zeros(1, 4)), 5) is not None
