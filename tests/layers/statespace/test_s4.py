import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete

from statewise import laws
from statewise.init.hippo import legs, legs_normal
from statewise.layers.statespace.s4 import S4, S4State
from statewise.ops import state_space_convolution

TIME = 45


def layer_and_input() -> tuple[S4, torch.Tensor]:
    torch.manual_seed(0)
    layer = S4(input_size=3, hidden_size=4, conjugate_pairs=4, dt_min=0.05, dt_max=0.5).double()
    with torch.no_grad():
        for parameter in (layer.log_decay, layer.frequency, layer.low_rank, layer.drive):
            parameter.mul_(1 + 0.2 * torch.rand_like(parameter))
    return layer, torch.randn(5, TIME, 3).double()


def continuous(layer: S4, channel: int) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """dt, A, B and C over all S states: those of a layer and their conjugates."""
    p = {name: value.detach().numpy() for name, value in layer.named_parameters()}

    def both(pairs: np.ndarray) -> np.ndarray:
        half = pairs[..., 0] + 1j * pairs[..., 1]
        return np.concatenate([half, half.conj()])

    diagonal = both(np.stack([-np.exp(p["log_decay"][channel]), p["frequency"][channel]], axis=-1))
    low_rank = both(p["low_rank"][channel])
    a = np.diag(diagonal) - np.outer(low_rank, low_rank.conj())
    return np.exp(p["log_dt"][channel]), a, both(p["drive"][channel]), both(p["readout"][channel])


def mixed(layer: S4, s: np.ndarray, x: torch.Tensor) -> torch.Tensor:
    values, gate = layer.mix.linear(torch.nn.functional.gelu(torch.from_numpy(s) + layer.mix.skip * x)).chunk(2, -1)
    return values * torch.sigmoid(gate)


def test_both_gears_equal_scipys_bilinear_transform_of_the_dense_system():
    layer, x = layer_and_input()
    start = torch.randn(5, 3, 4, 2).double()
    s, final = np.zeros((5, TIME, 3)), np.zeros((5, 3, 4), dtype=complex)
    for d in range(3):
        dt, a, b, c = continuous(layer, d)
        abar, bbar, *_ = cont2discrete((a, b[:, None], c[None], np.zeros((1, 1))), dt, method="bilinear")
        for row in range(5):
            h = torch.view_as_complex(start)[row, d].numpy()
            h = np.concatenate([h, h.conj()])
            for t in range(TIME):
                h = abar @ h + bbar[:, 0] * x[row, t, d].item()
                assert abs((c @ h).imag) < 1e-9
                s[row, t, d] = (c @ h).real
            final[row, d] = h[:4]
    y, state = layer(x, S4State(start))
    torch.testing.assert_close(y, mixed(layer, s, x), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(torch.view_as_complex(state.h.detach()).numpy(), final, rtol=1e-9, atol=1e-10)
    state, outputs = S4State(start), []
    for x_t in x.unbind(1):
        y_t, state = layer.step(x_t, state)
        outputs.append(y_t)
    torch.testing.assert_close(torch.stack(outputs, dim=1), y, rtol=1e-9, atol=1e-10)


def test_its_kernel_is_that_of_the_generating_function():
    """Appendix C.3: sum_j K_j z^j = C (I - abar z)^-1 bbar = 2 / (1 + z) C (2/dt (1 - z)/(1 + z) - A)^-1 B."""
    layer, _ = layer_and_input()
    length = 4000
    impulse = torch.zeros(1, length, 3).double()
    impulse[0, 0] = 1.0
    spoken: list[torch.Tensor] = []
    layer.mix = torch.nn.Module()
    layer.mix.forward = lambda s, x: spoken.append(s) or s  # type: ignore[method-assign]
    layer(impulse)
    kernel = spoken[0][0].detach().numpy()
    for z in 0.98 * np.exp(1j * np.array([0.1, 1.0, 2.5])):
        for d in range(3):
            dt, a, b, c = continuous(layer, d)
            resolvent = np.linalg.inv(2 / dt * (1 - z) / (1 + z) * np.eye(8) - a)
            expected = 2 / (1 + z) * c @ resolvent @ b
            np.testing.assert_allclose((kernel[:, d] * z ** np.arange(length)).sum(), expected, rtol=1e-7)


def test_starts_as_hippo_legs_seen_through_the_eigenvectors_of_its_normal_part():
    layer = S4(input_size=2, hidden_size=3, conjugate_pairs=16).double()
    half = legs_normal(16)[1].numpy()
    vectors = np.concatenate([half, half.conj()], axis=1)
    expected_a, expected_b = legs(32)
    for d in range(2):
        _, a, b, _ = continuous(layer, d)
        np.testing.assert_allclose(vectors @ a @ vectors.conj().T, expected_a.numpy(), atol=1e-4)
        np.testing.assert_allclose(vectors @ b, expected_b.numpy(), atol=1e-4)


def test_keeps_the_laws_with_several_blocks_in_a_sequence(monkeypatch):
    monkeypatch.setattr(state_space_convolution, "BLOCK", 4)
    laws.check(S4(input_size=3, hidden_size=4, conjugate_pairs=2), mode="eval")


@pytest.mark.parametrize("dt", [1e-4, 0.1, 10.0, 1e4])
def test_no_time_step_makes_it_unstable(dt):
    torch.manual_seed(0)
    layer = S4(input_size=3, hidden_size=4, conjugate_pairs=8, dt_min=dt, dt_max=dt).double()
    _, state = layer(torch.zeros(1, 2000, 3).double(), S4State(torch.randn(1, 3, 8, 2).double()))
    assert state.h.abs().max() < 100


@pytest.mark.parametrize(
    ("options", "message"), [({"conjugate_pairs": 0}, "at least 1"), ({"dt_min": 0.2, "dt_max": 0.1}, "dt_min")]
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        S4(input_size=3, hidden_size=4, **options)
