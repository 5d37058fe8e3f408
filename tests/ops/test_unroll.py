import pytest
import torch

from statewise.contract.segments import Segments
from statewise.ops.unroll import unroll

from .segmented import one_by_one

State = tuple[torch.Tensor, torch.Tensor]


def following(x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
    h, total = state
    h = (x + 0.5 * h.roll(1, dims=1)).tanh()
    return h, (h, total + h.sum(1))


@pytest.mark.parametrize(
    "resets", [{0: [4]}, {0: [4, 5, 11], 2: [1]}, {row: list(range(0, 12, 2)) for row in range(3)}]
)
def test_segments_equal_rows_of_their_own_with_gradients(resets: dict[int, list[int]]):
    torch.manual_seed(0)
    reset = torch.zeros(3, 12, dtype=torch.bool)
    for row, steps in resets.items():
        reset[row, steps] = True
    segments = Segments(reset)
    assert segments.few == (len(resets) < 3)
    leaves = [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in ((3, 12, 4), (3, 4), (3,))]
    x, *state = leaves
    found = []
    for y, after in (
        unroll(following, x, tuple(state), segments),
        one_by_one(lambda x, state: unroll(following, x, state), [x], tuple(state), segments),
    ):
        found.append((y, after, torch.autograd.grad(y.square().sum() + after[1].sum(), leaves, materialize_grads=True)))
    torch.testing.assert_close(*found)


def test_what_is_not_a_number_ends_at_a_reset():
    segments = Segments(torch.tensor([[False, False, True, False]] * 2))
    x = torch.ones(2, 4, 3)
    x[:, 1] = torch.nan
    y, (h, total) = unroll(following, x, (torch.zeros(2, 3), torch.zeros(2)), segments)
    assert y[:, 1].isnan().all()
    assert y[:, 2:].isfinite().all()
    assert h.isfinite().all()
    assert total.isfinite().all()
