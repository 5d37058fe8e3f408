import pytest
import torch

from statewise.init import matrices
from statewise.init.matrices import orthogonal_blocks_, reservoir_entries, reservoir_matrix, uniform_


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def reservoir(units: int = 60, seed: int = 0, **changes) -> torch.Tensor:
    options = {"spectral_radius": 0.9, "connectivity": 0.2, "topology": "random"} | changes
    return reservoir_matrix(units, generator=generator(seed), **options)


def radius(matrix: torch.Tensor) -> float:
    return float(torch.linalg.eigvals(matrix).abs().max())


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: uniform_(torch.empty(8, 3), 4, g),
        lambda g: orthogonal_blocks_(torch.empty(8, 4), g),
        lambda g: reservoir_matrix(5, spectral_radius=1, connectivity=0.5, topology="random", generator=g),
        lambda g: reservoir_matrix(5, spectral_radius=1, connectivity=1, topology="orthogonal", generator=g),
    ],
)
def test_the_generator_alone_decides(draw):
    torch.manual_seed(1)
    first = draw(generator(3))
    global_state = torch.get_rng_state()
    torch.manual_seed(2)
    assert torch.equal(draw(generator(3)), first)
    assert not torch.equal(draw(generator(4)), first)
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), global_state)


def test_without_a_generator_torchs_global_one_decides():
    for fill in (lambda: uniform_(torch.empty(4, 4), 4), lambda: orthogonal_blocks_(torch.empty(4, 4))):
        torch.manual_seed(1)
        first = fill()
        torch.manual_seed(1)
        assert torch.equal(fill(), first)


def test_uniform_is_what_torch_nn_draws():
    torch.manual_seed(0)
    expected = torch.nn.LSTMCell(3, 16).weight_ih
    torch.manual_seed(0)
    assert torch.equal(uniform_(torch.empty(64, 3), 16), expected)


def test_uniform_fills_its_range():
    weight = uniform_(torch.empty(1000, 10), 25, generator())
    assert -0.2 <= weight.min() < -0.199
    assert 0.199 < weight.max() < 0.2
    assert uniform_(torch.empty(3, 0), 0).shape == (3, 0)


@pytest.mark.parametrize("gates", [1, 3])
def test_every_block_is_orthogonal_and_another(gates):
    weight = orthogonal_blocks_(torch.nn.Parameter(torch.empty(gates * 6, 6, dtype=torch.float64)), generator())
    blocks = weight.detach().split(6)
    for block in blocks:
        torch.testing.assert_close(block @ block.T, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-12)
    assert gates == 1 or not torch.allclose(blocks[0], blocks[1])


@pytest.mark.parametrize("topology", ["random", "orthogonal", "ring"])
@pytest.mark.parametrize("spectral_radius", [0.0, 0.5, 1.3])
def test_a_reservoir_has_the_spectral_radius_asked_for(topology, spectral_radius):
    for units in (1, 2, 60):
        found = reservoir(units, topology=topology, spectral_radius=spectral_radius)
        assert found.dtype == torch.float64
        assert radius(found) == pytest.approx(spectral_radius, rel=1e-9, abs=1e-12)


def test_connections_stand_anywhere_alike():
    kept = sum((reservoir(20, seed=seed, connectivity=0.3) != 0).double() for seed in range(400)) / 400
    deviation = (0.3 * 0.7 / 400) ** 0.5
    assert float(kept.mean()) == pytest.approx(0.3)
    assert float((kept - 0.3).abs().max()) < 5 * deviation
    assert float((kept - 0.3).std()) == pytest.approx(deviation, rel=0.2)


def test_the_entries_that_are_kept_are_normal():
    entries = reservoir(300)
    entries = entries[entries != 0] / entries[entries != 0].std()
    assert float(entries.mean()) == pytest.approx(0, abs=4 / len(entries) ** 0.5)
    assert float(entries.pow(4).mean()) == pytest.approx(3, abs=4 * 96**0.5 / len(entries) ** 0.5)


def test_an_orthogonal_reservoir_keeps_lengths_and_a_ring_has_one_cycle():
    orthogonal, ring = reservoir(9, topology="orthogonal"), reservoir(4, topology="ring")
    torch.testing.assert_close(orthogonal @ orthogonal.T, 0.81 * torch.eye(9, dtype=torch.float64))
    x = torch.eye(4, dtype=torch.float64)[0]
    assert (ring @ x).tolist() == [0, 0.9, 0, 0]
    torch.testing.assert_close(torch.linalg.matrix_power(ring, 4), 0.9**4 * torch.eye(4, dtype=torch.float64))


def test_orthogonal_reservoirs_have_no_preferred_direction():
    corners = [float(reservoir(4, seed=seed, topology="orthogonal")[0, 0]) for seed in range(200)]
    assert abs(sum(corner > 0 for corner in corners) - 100) < 4 * 50**0.5


@pytest.mark.parametrize("seed", range(20))
def test_a_draw_in_which_no_unit_reaches_itself_is_drawn_again(seed):
    assert radius(reservoir(3, seed=seed, connectivity=0.1)) == pytest.approx(0.9)


def test_connections_that_never_form_a_cycle_are_refused(monkeypatch):
    monkeypatch.setattr(matrices, "DRAWS", 2)
    with pytest.raises(ValueError, match="no cycle"):
        reservoir(30, connectivity=1e-9)


@pytest.mark.parametrize("topology", ["random", "orthogonal", "ring"])
@pytest.mark.parametrize("connectivity", [0.1, 0.5, 1.0])
def test_as_many_entries_are_drawn_as_said(topology, connectivity):
    options = {"connectivity": connectivity, "topology": topology}
    entries = reservoir_entries(100, **options)
    assert entries == {"random": round(connectivity * 10_000), "orthogonal": 10_000, "ring": 100}[topology]
    assert int(torch.count_nonzero(reservoir(100, **options))) == entries
    with torch.device("meta"):
        assert reservoir_matrix(100, spectral_radius=0.9, **options).shape == (100, 100)
