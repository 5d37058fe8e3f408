"""CfC against the authors' own package where it is installed, against the equations in numpy anywhere."""

import numpy as np
import pytest
import torch

from statewise import laws, probe
from statewise.contract import SequenceLayer, Timed
from statewise.layers.recurrent.cfc import CfC, CfCState

B, T, D, H, W = 5, 7, 3, 4, 6
MODES = ("default", "no_gate", "pure")
GEARS = pytest.mark.parametrize("run", [SequenceLayer.forward, SequenceLayer._sequence], ids=["whole", "steps"])


def example(**options) -> tuple[CfC, Timed, CfCState]:
    torch.manual_seed(0)
    layer = CfC(input_size=D, hidden_size=H, backbone_size=W, **options).double()
    x = Timed(torch.randn(B, T, D).double(), 0.1 + 2 * torch.rand(B, T).double())
    return layer, x, CfCState(torch.randn(B, H).double())


@GEARS
@pytest.mark.parametrize(("mode", "backbone_layers"), [("default", 1), ("no_gate", 2), ("pure", 1)])
def test_the_authors_package_agrees(mode, backbone_layers, run):
    """Their cell, row by row: their sequence layer mixes rows and units where there are as many of one as the other."""
    cfc_cell = pytest.importorskip("ncps.torch.cfc_cell", reason="the peer ncps is not installed")
    layer, x, state = example(mode=mode, backbone_layers=backbone_layers)
    cell = cfc_cell.CfCCell(D, H, mode=mode, backbone_units=W, backbone_layers=backbone_layers).double()
    layer.load_state_dict(cell.state_dict())
    y, after = run(layer, x, state)
    h = state.h
    for t in range(T):
        h, _ = cell(x.values[:, t], h, x.elapsed[:, t : t + 1])
        torch.testing.assert_close(y[:, t], h, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(after.h, h, rtol=1e-12, atol=1e-12)


@GEARS
@pytest.mark.parametrize("mode", MODES)
def test_the_equations_by_hand(mode, run):
    layer, x, state = example(mode=mode)
    own = {name: p.detach().numpy() for name, p in layer.named_parameters()}

    def head(name, z):
        return z @ own[f"{name}.weight"].T + own[f"{name}.bias"]

    y, _ = run(layer, x, state)
    h = state.h.numpy()
    for t in range(T):
        elapsed = x.elapsed[:, t].numpy()[:, None]
        z = 1.7159 * np.tanh(0.666 * head("backbone.0", np.concatenate([x.values[:, t].numpy(), h], axis=1)))
        f = head("ff1", z)
        if mode == "pure":
            h = -own["A"] * np.exp(-elapsed * (np.abs(own["w_tau"]) + np.abs(f))) * f + own["A"]
        else:
            s = 1 / (1 + np.exp(-(head("time_a", z) * elapsed + head("time_b", z))))
            h = np.tanh(f) * (1 if mode == "no_gate" else 1 - s) + s * np.tanh(head("ff2", z))
        np.testing.assert_allclose(y[:, t].detach().numpy(), h, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("mode", "backbone_layers"), [("no_gate", 2), ("pure", 1)])
def test_the_other_modes_keep_the_laws(mode, backbone_layers):
    laws.check(CfC(input_size=3, hidden_size=4, mode=mode, backbone_layers=backbone_layers))


def test_after_a_long_time_the_solution_rests_at_its_equilibrium():
    layer, x, state = example(mode="pure")
    y, _ = layer(x._replace(elapsed=torch.full((B, T), 1e6).double()), state)
    torch.testing.assert_close(y, layer.A.expand(B, T, H), rtol=1e-6, atol=1e-6)


def test_after_a_long_time_the_gate_has_chosen_one_of_the_two():
    layer, x, state = example()
    with probe.recording(layer) as seen:
        layer(x._replace(elapsed=torch.full((B, T), 1e9).double()), state)
    s = seen[""]["time_gate"]
    assert s.shape == (B, T, H)
    assert bool(((s < 1e-6) | (s > 1 - 1e-6)).all())
    assert bool((s < 0.5).any())
    assert bool((s > 0.5).any())


def test_as_many_rows_as_units_are_not_mixed_up():
    layer, x, state = example()
    y, _ = layer(Timed(x.values[:H], x.elapsed[:H]), CfCState(state.h[:H]))
    for row in range(H):
        alone, _ = layer(Timed(x.values[row : row + 1], x.elapsed[row : row + 1]), CfCState(state.h[row : row + 1]))
        torch.testing.assert_close(y[row : row + 1], alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"mode": "gated"}, "unknown mode 'gated'"), ({"backbone_layers": 0}, "backbone_layers must be at least 1")],
)
def test_what_is_no_cell_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        CfC(input_size=D, hidden_size=H, **options)
