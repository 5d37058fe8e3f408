"""Recurrent cells against code we did not write: ONNX Runtime's variants, torch.nn's modules where ours become one,
scipy's linear systems."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy import linalg, signal
from torch import Tensor, nn

from statewise.contract import SequenceLayer
from statewise.layers.recurrent.coupled_lstm import CoupledLSTM
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.minimal_gated_unit import MinimalGatedUnit
from statewise.layers.recurrent.minimal_rnn import MinimalRNN
from statewise.layers.recurrent.norm_lstm import NormLSTM
from statewise.layers.recurrent.orthogonal_rnn import OrthogonalRNN
from statewise.layers.recurrent.peephole_lstm import PeepholeLSTM
from statewise.layers.recurrent.quasi_rnn import QuasiRNN
from statewise.layers.recurrent.s_lstm import SLSTM
from statewise.layers.recurrent.skip_rnn import SkipRNN
from statewise.layers.recurrent.sru import SRU

B, T, D, H = 3, 11, 4, 5
GEARS = pytest.mark.parametrize("run", [SequenceLayer.forward, SequenceLayer._sequence], ids=["whole", "steps"])


def made(kind: type[SequenceLayer], *, scale: float = 1.0, **options) -> tuple[Any, Tensor, list[Tensor]]:
    """A layer in float64 with every parameter drawn anew, an input, and two vectors a row to start from."""
    generator = torch.Generator().manual_seed(0)
    layer = kind(input_size=D, hidden_size=H, **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    x = torch.randn(B, T, D, generator=generator, dtype=torch.float64)
    return layer, x, [torch.randn(B, H, generator=generator, dtype=torch.float64) for _ in range(2)]


def onnx_runtime(
    operator: str, x: Tensor, weights: Sequence[Tensor | None], states: Sequence[Tensor], **attributes: int
) -> list[Tensor]:
    """Outputs ``(B, T, H)`` and last states of an operator of ONNX in ONNX Runtime, which has them in float32 alone."""
    onnx = pytest.importorskip("onnx", reason="the peer onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="the peer onnxruntime is not installed")
    w, r, b, p = weights
    given = {"X": x.transpose(0, 1), "W": w, "R": r, "B": b, "P": p}
    given |= dict(zip(("initial_h", "initial_c"), states, strict=False))
    arrays = {
        name: (value if name == "X" else value.unsqueeze(0)).detach().float().numpy()
        for name, value in given.items()
        if value is not None
    }
    order = ["X", "W", "R", "B", "", "initial_h", "initial_c", "P"][: 8 if operator == "LSTM" else 6]
    said = ["Y", "Y_h", "Y_c"][: 3 if operator == "LSTM" else 2]
    number = onnx.TensorProto.FLOAT
    node = onnx.helper.make_node(
        operator, [name if name in arrays else "" for name in order], said, hidden_size=H, **attributes
    )
    graph = onnx.helper.make_graph(
        [node],
        operator,
        [onnx.helper.make_tensor_value_info(name, number, value.shape) for name, value in arrays.items()],
        [onnx.helper.make_tensor_value_info(name, number, None) for name in said],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    y, *after = (torch.from_numpy(value) for value in session.run(said, arrays))
    return [y[:, 0].transpose(0, 1), *(leaf[0] for leaf in after)]


def demand_near(found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other.double(), rtol=tolerance, atol=tolerance)


def rows(matrix: Tensor, *order: int) -> Tensor:
    """Blocks of H rows in another order."""
    return torch.cat([matrix.split(H)[block] for block in order])


@GEARS
def test_peepholes_are_onnx_runtimes(run):
    """Rows of theirs in the order i, o, f, g."""
    layer, x, (h, c) = made(PeepholeLSTM)
    weights = [rows(part, 0, 3, 1, 2) for part in (layer.input.weight, layer.recurrent.weight, layer.input.bias)]
    bias = torch.cat([weights[2], torch.zeros(4 * H)])
    expected = onnx_runtime("LSTM", x, [*weights[:2], bias, layer.peepholes[[0, 2, 1]].flatten()], [h, c])
    y, after = run(layer, x, layer.initial_state(B)._replace(h=h, c=c))
    demand_near((y, after.h, after.c), expected, 1e-5)


@GEARS
def test_coupled_gates_are_onnx_runtimes(run):
    """Theirs forgets 1 - i: our forget gate is their input gate seen through a change of sign."""
    layer, x, (h, c) = made(CoupledLSTM)
    parts = [part.split(H) for part in (layer.input.weight, layer.recurrent.weight, layer.input.bias)]
    w, r, b = (torch.cat([-f, o, torch.full_like(f, 7.0), g]) for f, g, o in parts)
    expected = onnx_runtime("LSTM", x, [w, r, torch.cat([b, torch.zeros(4 * H)]), None], [h, c], input_forget=1)
    y, after = run(layer, x, layer.initial_state(B)._replace(h=h, c=c))
    demand_near((y, after.h, after.c), expected, 1e-5)


@GEARS
def test_a_gru_that_resets_before_the_product_is_onnx_runtimes(run):
    """Rows of theirs in the order z, r, n."""
    layer, x, (h, _) = made(GRU, reset_placement="before")
    w, r, b, c = (rows(part, 1, 0, 2) for part in layer.parameters())
    expected = onnx_runtime("GRU", x, [w, r, torch.cat([b, c]), None], [h], linear_before_reset=0)
    y, after = run(layer, x, layer.initial_state(B)._replace(h=h))
    demand_near((y, after.h), expected, 1e-5)


@GEARS
def test_a_minimal_gated_unit_is_a_gru_with_one_gate_for_two(run):
    """In ONNX Runtime: r = f and z = 1 - f, the reset before the product."""
    layer, x, (h, _) = made(MinimalGatedUnit)
    (w_f, w_n), (b_f, b_n) = layer.input.weight.split(H), layer.input.bias.split(H)
    u_f, u_n = layer.write.weight, layer.new.weight
    w, r = torch.cat([-w_f, w_f, w_n]), torch.cat([-u_f, u_f, u_n])
    bias = torch.cat([-b_f, b_f, b_n, torch.zeros(3 * H)])
    expected = onnx_runtime("GRU", x, [w, r, bias, None], [h], linear_before_reset=0)
    y, after = run(layer, x, layer.initial_state(B)._replace(h=h))
    demand_near((y, after.h), expected, 1e-5)


def torchs_gru(x: Tensor, h: Tensor, *, keep: Tensor, keep_bias: Tensor, keep_recurrent: Tensor, new: Tensor) -> Tensor:
    """Outputs of nn.GRU whose candidate is tanh(new x) and whose update gate alone looks at the state."""
    module = nn.GRU(x.shape[2], H, batch_first=True, dtype=torch.float64)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.weight_ih_l0[H : 2 * H], module.weight_ih_l0[2 * H :] = keep, new
        module.weight_hh_l0[H : 2 * H], module.bias_ih_l0[H : 2 * H] = keep_recurrent, keep_bias
    return module(x, h.unsqueeze(0))[0]


def beside(*parts: Tensor) -> Tensor:
    return torch.cat(parts, dim=-1)


NOTHING, SAME = torch.zeros(H, H).double(), torch.eye(H).double()


@GEARS
def test_a_minimal_rnn_is_torchs_gru_on_its_embedded_input(run):
    layer, x, (h, _) = made(MinimalRNN)
    a = layer.input(x)
    expected = torchs_gru(
        beside(a, a.tanh()), h, keep=beside(NOTHING, layer.keep.weight), keep_bias=layer.keep.bias,
        keep_recurrent=layer.recurrent.weight, new=beside(SAME, NOTHING),
    )  # fmt: skip
    y, _ = run(layer, x, layer.initial_state(B)._replace(h=h))
    demand_near((y,), (expected,), 1e-11)


@GEARS
def test_an_srus_memory_is_torchs_gru_with_a_diagonal_gate(run):
    """Its candidate goes in through tanh's inverse; its highway stands around the memory."""
    layer, x, (c, _) = made(SRU, scale=0.15)
    w, w_f, w_r = layer.input.weight.split(H)
    (v_f, v_r), (b_f, b_r) = layer.recurrent, layer.bias
    memory = torchs_gru(
        beside((x @ w.T).atanh(), x), c, keep=beside(torch.zeros(H, H).double(), w_f), keep_bias=b_f,
        keep_recurrent=v_f.diag(), new=beside(SAME, torch.zeros(H, D).double()),
    )  # fmt: skip
    before = torch.cat([c.unsqueeze(1), memory[:, :-1]], dim=1)
    r = (x @ w_r.T + v_r * before + b_r).sigmoid()
    y, after = run(layer, x, layer.initial_state(B)._replace(c=c))
    demand_near((y, after.c), (r * memory + (1 - r) * layer.highway(x), memory[:, -1]), 1e-11)


@GEARS
def test_f_pooling_over_one_step_is_torchs_gru_without_recurrent_weights(run):
    layer, x, (c, _) = made(QuasiRNN, pooling="f", kernel_size=1)
    z, f = layer.weight.squeeze(2).split(H)
    b_z, b_f = layer.bias.split(H)
    ones = torch.ones(B, T, 1).double()
    expected = torchs_gru(
        beside(x, ones), c, keep=beside(f, b_f.unsqueeze(1)), keep_bias=torch.zeros(H).double(),
        keep_recurrent=NOTHING, new=beside(z, b_z.unsqueeze(1)),
    )  # fmt: skip
    y, _ = run(layer, x, layer.initial_state(B)._replace(c=c))
    demand_near((y,), (expected,), 1e-11)


@GEARS
def test_skips_alone_are_torchs_rnn_on_every_third_step(run):
    layer, x, _ = made(SkipRNN, skip=3)
    nn.init.zeros_(layer.recurrent.weight)
    module = nn.RNN(D, H, batch_first=True, dtype=torch.float64)
    module.load_state_dict(
        {
            "weight_ih_l0": layer.input.weight,
            "weight_hh_l0": layer.across.weight,
            "bias_ih_l0": layer.input.bias,
            "bias_hh_l0": torch.zeros(H),
        }
    )
    past = torch.randn(B, 3, H, generator=torch.Generator().manual_seed(1)).double()
    y, _ = run(layer, x, layer.initial_state(B)._replace(past=past))
    for first in range(3):
        expected, _ = module(x[:, first::3], past[:, first].unsqueeze(0).contiguous())
        demand_near((y[:, first::3],), (expected,), 1e-11)


@GEARS
@pytest.mark.parametrize(("norm", "module"), [("layer", nn.LayerNorm), ("rms", nn.RMSNorm)])
def test_the_memory_of_a_normed_lstm_is_torchs_cell_between_torchs_norms(run, norm, module):
    """The cell is handed its gates as they are, by a matrix of ones on the diagonal, and no product of its own."""
    layer, x, (h, c) = made(NormLSTM, norm=norm)
    cell = nn.LSTMCell(4 * H, H, bias=False, dtype=torch.float64)
    of_input, of_state, of_memory = (module(width, eps=1e-5, dtype=torch.float64) for width in (4 * H, 4 * H, H))
    of_input.weight, of_state.weight, of_memory.weight = layer.input_gain, layer.recurrent_gain, layer.memory_gain
    with torch.no_grad():
        cell.weight_ih.copy_(torch.eye(4 * H))
        cell.weight_hh.zero_()
    y, after = run(layer, x, layer.initial_state(B)._replace(h=h, c=c))
    for t in range(T):
        a = of_input(x[:, t] @ layer.input.weight.T) + layer.input.bias + of_state(h @ layer.recurrent.weight.T)
        _, c = cell(a, (torch.zeros_like(h), c))
        h = a[:, 3 * H :].sigmoid() * (of_memory(c) + layer.memory_bias).tanh()
        demand_near((y[:, t],), (h,), 1e-11)
    demand_near((after.h, after.c), (h, c), 1e-11)


@GEARS
def test_without_recurrent_weights_an_slstm_is_torchs_attention_over_the_past(run):
    """Unit by unit, c / n weighs all z there were by exp(i_s + log f_{s+1} + ... + log f_t): a softmax of biases."""
    layer, x, _ = made(SLSTM)
    nn.init.zeros_(layer.recurrent)
    z, i, f, o = layer.input(x).transpose(1, 2).unflatten(1, (4, H)).unbind(1)  # (B, H, T)
    forgotten = nn.functional.logsigmoid(f).cumsum(-1)
    bias = (i - forgotten).unsqueeze(-2) + forgotten.unsqueeze(-1) + torch.full((T, T), -torch.inf).triu(1)
    asks = torch.zeros(B, H, T, 1, dtype=torch.float64)
    read = nn.functional.scaled_dot_product_attention(asks, asks, z.tanh().unsqueeze(-1), attn_mask=bias)
    y, _ = run(layer, x, layer.initial_state(B))
    demand_near((y,), ((o.sigmoid() * read.squeeze(-1)).transpose(1, 2),), 1e-11)


@GEARS
def test_without_a_bias_an_orthogonal_rnn_is_scipys_linear_system(run):
    layer, x, (h, _) = made(OrthogonalRNN)
    nn.init.zeros_(layer.bias)
    upper = np.zeros((H, H))
    upper[np.triu_indices(H, 1)] = layer.entries.detach().numpy()
    turn = linalg.expm(upper - upper.T)
    drive = np.column_stack([layer.input.weight.detach(), layer.input.bias.detach()])
    system = (turn, drive, turn, drive, 1)
    y, _ = run(layer, x, layer.initial_state(B)._replace(h=h))
    for row in range(B):
        _, expected, _ = signal.dlsim(system, np.column_stack([x[row], np.ones(T)]), x0=h[row].numpy())
        np.testing.assert_allclose(y[row].detach().numpy(), expected, rtol=1e-9, atol=1e-9)
