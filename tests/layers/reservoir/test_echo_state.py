"""The reservoir against the papers' equations in numpy, against ReservoirPy, and against what is known of it."""

import numpy as np
import pytest
import torch

from statewise.contract import SequenceLayer
from statewise.layers.reservoir.echo_state import EchoState, EchoStateNetwork
from statewise.ops.ridge import RidgeStatistics

OPTIONS = [
    {},
    {"leak_rate": 0.3, "bias_scaling": 0.5, "recurrent_connectivity": 0.4},
    {"leak_rate": 0.7, "activation": "identity", "input_connectivity": 0.5},
    {"spectral_radius": 1.0, "topology": "orthogonal"},
    {"leak_rate": 0.5, "topology": "ring"},
]


def weights(layer: EchoStateNetwork) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W_in, W and b in float64."""
    return layer.input_weights.double().numpy(), layer.weights.double().numpy(), layer.bias.double().numpy()


def radius(layer: EchoStateNetwork) -> float:
    return float(np.abs(np.linalg.eigvals(weights(layer)[1])).max())


@pytest.mark.parametrize(
    "run", [SequenceLayer.forward, SequenceLayer._sequence], ids=["whole sequence", "loop of steps"]
)
@pytest.mark.parametrize("options", OPTIONS)
def test_equals_the_papers_equations_number_by_number(options, run):
    """Lukosevicius 2012, eq. 2-3, with the bias as the weight of a constant input."""
    layer = EchoStateNetwork(input_size=2, hidden_size=20, **options).double()
    w_in, w, b = weights(layer)
    extended = np.concatenate([b[:, None], w_in], axis=1)
    alpha = options.get("leak_rate", 1.0)
    f = np.tanh if options.get("activation", "tanh") == "tanh" else np.asarray
    rng = np.random.default_rng(0)
    u, start = rng.normal(size=(3, 15, 2)), rng.normal(size=(3, 20))
    expected = np.zeros((3, 15, 20))
    for row in range(3):
        x = start[row].copy()
        for n in range(15):
            updated = np.zeros(20)
            for unit in range(20):
                total = extended[unit] @ np.array([1.0, *u[row, n]]) + sum(w[unit, j] * x[j] for j in range(20))
                updated[unit] = f(total)
            x = (1 - alpha) * x + alpha * updated
            expected[row, n] = x
    y, state = run(layer, torch.from_numpy(u), EchoState(torch.from_numpy(start)))
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(state.h.numpy(), expected[:, -1], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("leak_rate", [1.0, 0.3])
def test_equals_reservoirpy(leak_rate):
    nodes = pytest.importorskip("reservoirpy.nodes", reason="reservoirpy is not installed")
    layer = EchoStateNetwork(
        input_size=2,
        hidden_size=30,
        leak_rate=leak_rate,
        spectral_radius=0.8,
        bias_scaling=0.3,
        recurrent_connectivity=0.5,
    ).double()
    w_in, w, b = weights(layer)
    u = np.random.default_rng(0).normal(size=(25, 2))
    theirs = nodes.Reservoir(Win=w_in, W=w, bias=b, lr=leak_rate).run(u)
    ours, _ = layer(torch.from_numpy(u).unsqueeze(0))
    np.testing.assert_allclose(ours[0].numpy(), theirs, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("spectral_radius", [0.5, 0.9, 1.3])
@pytest.mark.parametrize(
    "options",
    [
        {"recurrent_connectivity": 0.1},
        {"recurrent_connectivity": 1.0},
        {"topology": "orthogonal"},
        {"topology": "ring"},
    ],
    ids=str,
)
def test_the_largest_eigenvalue_is_the_spectral_radius(spectral_radius, options):
    layer = EchoStateNetwork(input_size=1, hidden_size=80, spectral_radius=spectral_radius, **options)
    assert radius(layer) == pytest.approx(spectral_radius, rel=2e-5)


@pytest.mark.parametrize("connectivity", [0.05, 0.3, 1.0])
def test_as_many_weights_are_zero_as_said(connectivity):
    layer = EchoStateNetwork(input_size=1, hidden_size=200, recurrent_connectivity=connectivity)
    assert (weights(layer)[1] != 0).sum() == round(connectivity * 200**2)


def test_an_orthogonal_reservoir_keeps_lengths_and_a_ring_shifts():
    w = weights(EchoStateNetwork(input_size=1, hidden_size=40, spectral_radius=1.0, topology="orthogonal").double())[1]
    np.testing.assert_allclose(w @ w.T, np.eye(40), atol=1e-6)
    ring = weights(EchoStateNetwork(input_size=1, hidden_size=5, spectral_radius=0.5, topology="ring"))[1]
    np.testing.assert_allclose(ring @ np.arange(5.0), 0.5 * np.array([4, 0, 1, 2, 3]))


def test_input_and_bias_are_as_large_as_said():
    layer = EchoStateNetwork(input_size=4, hidden_size=500, input_scaling=0.3, bias_scaling=2.0)
    w_in, _, b = weights(layer)
    for entries, bound in ((w_in, 0.3), (b, 2.0)):
        assert np.abs(entries).max() <= bound
        assert np.abs(entries).max() > 0.95 * bound
        assert abs(entries.mean()) < 0.1 * bound
        assert entries.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)  # of a uniform distribution


@pytest.mark.parametrize("inputs", [1, 4, 100])
def test_few_inputs_and_many_drive_the_units_alike(inputs):
    w_in = weights(EchoStateNetwork(input_size=inputs, hidden_size=1000))[0]
    assert (w_in**2).sum(axis=1).mean() == pytest.approx(1 / 3, rel=0.1)  # the variance that inputs of variance 1 drive


def test_each_input_feeds_as_many_units_as_said():
    w_in = weights(EchoStateNetwork(input_size=3, hidden_size=200, input_connectivity=0.25))[0]
    assert ((w_in != 0).sum(axis=0) == 50).all()
    assert not np.array_equal(w_in[:, 0] != 0, w_in[:, 1] != 0)


def test_inputs_of_one_size():
    w_in = weights(EchoStateNetwork(input_size=3, hidden_size=200, input_scaling=0.1, input_distribution="bernoulli"))[
        0
    ]
    assert set(np.unique(np.abs(w_in)).round(7)) == {0.1}
    assert abs((w_in > 0).mean() - 0.5) < 0.1


def test_a_seed_is_a_reservoir_whatever_else_is_drawn():
    torch.manual_seed(1)
    first = EchoStateNetwork(input_size=2, hidden_size=30, seed=3)
    torch.manual_seed(2)
    again, other = (EchoStateNetwork(input_size=2, hidden_size=30, seed=seed) for seed in (3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first.buffers(), again.buffers(), strict=True))
    assert not torch.equal(first.weights, other.weights)


def test_the_state_forgets_where_it_began():
    """The echo state property: driven alike, two states come together (Jaeger 2001, definition 1)."""
    layer = EchoStateNetwork(input_size=1, hidden_size=100, spectral_radius=0.9).double()
    torch.manual_seed(0)
    x = torch.rand(1, 300, 1).double()
    first, second = (layer(x, EchoState(torch.randn(1, 100).double()))[0] for _ in range(2))
    gap = (first - second).norm(dim=2).squeeze()
    assert gap[0] > 1
    assert gap[-1] < 1e-8


def test_without_input_a_large_radius_does_not_come_to_rest():
    x, start = torch.zeros(1, 500, 1), EchoState(0.1 * torch.ones(1, 100))
    quiet, lively = (
        EchoStateNetwork(input_size=1, hidden_size=100, spectral_radius=sr)(x, start)[1].h.norm() for sr in (0.8, 1.5)
    )
    assert quiet < 1e-6
    assert lively > 0.1


def test_a_leak_makes_the_units_slow():
    """Without recurrence and from nothing, a unit nears its target f(W_in u) as 1 - (1 - a)^t."""
    layer = EchoStateNetwork(input_size=1, hidden_size=50, leak_rate=0.2).double()
    layer.weights.zero_()
    y, _ = layer(torch.ones(1, 10, 1).double())
    target = layer.input_weights[:, 0].tanh()
    for t in (1, 4, 10):
        torch.testing.assert_close(y[0, t - 1], (1 - 0.8**t) * target)


def test_the_readout_is_the_ridge_solution():
    """Lukosevicius 2012, eq. 9, Y X^T (X X^T + beta I)^-1, with centred features since the bias is not penalised."""
    layer = EchoStateNetwork(input_size=1, hidden_size=40, bias_scaling=0.2).double()
    torch.manual_seed(0)
    u = torch.rand(1, 400, 1).double() - 0.5
    states, targets = layer(u)[0][0, 50:], torch.roll(u, 3, dims=1)[0, 50:]
    statistics = RidgeStatistics(features=40, targets=1)
    for features, wanted in zip(states.split(33), targets.split(33), strict=True):
        statistics.add(features, wanted)
    weight, bias = statistics.solve(1e-4)
    x, y = states.numpy(), targets.numpy()
    centred, wanted_centred = x - x.mean(0), y - y.mean(0)
    expected = np.linalg.solve(centred.T @ centred + 1e-4 * np.eye(40), centred.T @ wanted_centred).T
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(bias.numpy(), y.mean(0) - expected @ x.mean(0), rtol=1e-6, atol=1e-8)
    assert np.corrcoef((x @ weight.numpy().T + bias.numpy())[:, 0], y[:, 0])[0, 1] > 0.99


def test_no_more_is_remembered_than_there_are_units():
    """Memory capacity is at most the number of units (Jaeger 2001b, proposition 2)."""
    units, lags, steps = 10, 40, 6000
    layer = EchoStateNetwork(
        input_size=1, hidden_size=units, activation="identity", recurrent_connectivity=1.0
    ).double()
    torch.manual_seed(0)
    u = torch.rand(1, steps, 1).double() - 0.5
    x = layer(u)[0][0, lags:].numpy()
    features = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    capacity = 0.0
    for lag in range(lags):
        wanted = u[0, lags - lag : steps - lag, 0].numpy()
        said = features @ np.linalg.lstsq(features, wanted, rcond=None)[0]
        capacity += np.corrcoef(said, wanted)[0, 1] ** 2
    assert 0.5 * units < capacity < units + 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leak_rate": 0.0}, "leak_rate"),
        ({"leak_rate": 1.1}, "leak_rate"),
        ({"recurrent_connectivity": 0.0}, "recurrent_connectivity"),
        ({"input_connectivity": 2.0}, "input_connectivity"),
        ({"activation": "relu"}, "activation"),
        ({"topology": "star"}, "topology"),
        ({"input_distribution": "normal"}, "distribution"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EchoStateNetwork(input_size=1, hidden_size=10, **options)


def test_without_a_seed_reservoirs_are_drawn_as_any_layer_draws_its_weights():
    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return EchoStateNetwork(input_size=2, hidden_size=20).weights

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
    torch.manual_seed(0)
    first, second = (EchoStateNetwork(input_size=2, hidden_size=20) for _ in range(2))
    assert not torch.equal(first.weights, second.weights)
    assert not torch.equal(first.input_weights, second.input_weights)


def test_with_a_seed_a_reservoir_is_one_and_the_same_and_leaves_torchs_randomness_alone():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first = EchoStateNetwork(input_size=2, hidden_size=20, seed=3)
    assert torch.equal(torch.rand(1), expected)
    second = EchoStateNetwork(input_size=2, hidden_size=20, seed=3)
    assert torch.equal(first.weights, second.weights)


def test_the_fixed_weights_travel_with_the_layer():
    first, second = (EchoStateNetwork(input_size=2, hidden_size=20, bias_scaling=0.5) for _ in range(2))
    second.load_state_dict(first.state_dict())
    x = torch.randn(3, 7, 2)
    assert torch.equal(first(x)[0], second(x)[0])
