import math

import numpy as np
import pytest
import torch

from statewise.ops.rotary import rotate, sinusoidal


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("time", [0, 1, 2, 7])
@pytest.mark.parametrize("width", [2, 4, 10])
def test_pairs_of_channels_turn_as_complex_numbers(time, width):
    x = normal(3, time, 2, width)
    positions = torch.arange(time) + torch.tensor([[0], [5], [10**6]])
    pairs = torch.complex(x[..., : width // 2], x[..., width // 2 :]).numpy()
    for b, t, n, i in np.ndindex(pairs.shape):
        pairs[b, t, n, i] *= np.exp(1j * float(positions[b, t]) * 10000.0 ** (-2 * i / width))
    expected = torch.cat([torch.from_numpy(pairs).real, torch.from_numpy(pairs).imag], dim=-1)
    torch.testing.assert_close(rotate(x, positions), expected, rtol=1e-12, atol=1e-9 if time else 0)


def test_scalar_products_depend_on_the_distance_alone():
    q, k = normal(1, 1, 2, 8, seed=1), normal(1, 1, 2, 8, seed=2)

    def product(at: int, distance: int) -> torch.Tensor:
        return (rotate(q, torch.tensor([[at]])) * rotate(k, torch.tensor([[at - distance]]))).sum(-1)

    for distance in (0, 1, 30):
        torch.testing.assert_close(product(50, distance), product(4000, distance), rtol=1e-11, atol=1e-11)
    assert not torch.allclose(product(50, 1), product(50, 2))


def test_lengths_stay_and_position_0_changes_nothing():
    x = normal(2, 5, 3, 6)
    positions = torch.tensor([[0, 1, 2, 300, 40], [7, 0, 7, 8, 9]])
    torch.testing.assert_close(rotate(x, positions).norm(dim=-1), x.norm(dim=-1), rtol=1e-12, atol=1e-12)
    assert torch.equal(rotate(x, torch.zeros_like(positions)), x)


def test_far_positions_turn_as_exactly_in_float32():
    x, positions = normal(1, 4, 1, 64), torch.tensor([[0, 10**3, 10**6, 10**9]])
    found = rotate(x.float(), positions)
    assert found.dtype == torch.float32
    assert (found - rotate(x, positions)).abs().max() < 1e-6


def test_gradients_and_strides():
    x = normal(4, 2, 3, 2).transpose(0, 3).requires_grad_()
    positions = torch.tensor([[3, 4, 9], [0, 1, 2]]).T.flip(1)
    assert not x.is_contiguous()
    assert torch.autograd.gradcheck(lambda x: rotate(x, positions[:2]), x, fast_mode=True)
    assert torch.equal(rotate(x, positions[:2]), rotate(x.contiguous(), positions[:2].contiguous()))


def test_rows_may_share_their_positions():
    x, positions = normal(3, 5, 2, 4), torch.tensor([[4, 5, 6, 7, 8]])
    assert torch.equal(rotate(x, positions), rotate(x, positions.expand(3, 5)))


def test_an_odd_width_is_refused():
    with pytest.raises(ValueError, match="odd width 5"):
        rotate(normal(1, 2, 1, 5), torch.zeros(1, 2))


@pytest.mark.parametrize("width", [1, 2, 5, 6])
def test_waves_equal_the_equation_number_by_number(width):
    positions = torch.tensor([[0, 1, 7], [300, 5, 10**5]])
    found, half = sinusoidal(positions, width, torch.float64), (width + 1) // 2
    for b, t in np.ndindex(2, 3):
        angles = [float(positions[b, t]) / 10000 ** (i / half) for i in range(half)]
        expected = [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
        np.testing.assert_allclose(found[b, t].numpy(), expected[:width], rtol=1e-12, atol=1e-10)


def test_waves_of_no_positions_and_in_another_dtype():
    assert sinusoidal(torch.zeros(2, 0), 6, torch.float64).shape == (2, 0, 6)
    assert sinusoidal(torch.zeros(2, 3), 6, torch.bfloat16).dtype == torch.bfloat16
