"""State-space layers against other people's plain PyTorch: their weights in ours, outputs, states and gradients.

transformers and rwkv work some things out in float32 whatever they are given: bounds are of that precision.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from statewise.contract import SequenceLayer
from statewise.layers.statespace.gated_delta_net import GatedDeltaNet
from statewise.layers.statespace.mamba import Mamba
from statewise.layers.statespace.mamba2 import Mamba2
from statewise.layers.statespace.min_gru import MinGRU
from statewise.layers.statespace.min_lstm import MinLSTM
from statewise.layers.statespace.mlstm import MLSTM, MLSTMState
from statewise.layers.statespace.rg_lru import RGLRU
from statewise.layers.statespace.rwkv import RWKV

B, T, H = 3, 17, 8
NEAR = 2e-5
"""Float32 beside numbers of the size of 1"""


def transformers(model: str, part: str) -> Any:
    """A class or function of a model; imported by the test that needs it, for it takes seconds."""
    pytest.importorskip("transformers", reason="the peer transformers is not installed")
    place = "configuration" if part.endswith("Config") else "modeling"
    return getattr(importlib.import_module(f"transformers.models.{model}.{place}_{model}"), part)


def drawn(module: nn.Module) -> nn.Module:
    """In float64, every parameter drawn anew, so that none is zero or one."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.double().parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return module


def example(*, least: float | None = None) -> tuple[Tensor, Tensor]:
    """An input and a cotangent."""
    x, cotangent = torch.randn(2, B, T, H, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return (x if least is None else x.abs() + least).requires_grad_(), cotangent


def demand_same(
    layer: SequenceLayer,
    theirs: Callable[[Tensor], Tensor],
    weights: Mapping[str, Tensor],
    parameters: list[Tensor],
    x_and_cotangent: tuple[Tensor, Tensor],
    tolerance: float = NEAR,
) -> None:
    """Our layer, whole and in two pieces and step by step, says what theirs says, with the same gradients.

    Args:
        weights: of ours, made of ``parameters`` of theirs, in which gradients are compared.
    """
    x, cotangent = x_and_cotangent
    expected = theirs(x)
    gradients = torch.autograd.grad(expected, [x, *parameters], cotangent)
    y, _ = functional_call(layer, dict(weights), (x,))
    found = torch.autograd.grad(y, [x, *parameters], cotangent)
    layer.load_state_dict(dict(weights), strict=False)
    head, middle = layer(x[:, :6])
    tail, _ = SequenceLayer._sequence(layer, x[:, 6:], middle)
    for one, other in ((y, expected), (torch.cat([head, tail], dim=1), expected), *zip(found, gradients, strict=True)):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def test_mamba_is_transformers():
    config = transformers("mamba", "MambaConfig")(hidden_size=H, state_size=5, time_step_rank=3, num_hidden_layers=1)
    theirs = drawn(transformers("mamba", "MambaMixer")(config, layer_idx=0))
    layer = Mamba(input_size=H, hidden_size=H, state_size=5, dt_rank=3).double()
    demand_same(layer, theirs, dict(theirs.named_parameters()), list(theirs.parameters()), example())


def test_mamba_2_is_transformers():
    config = transformers("mamba2", "Mamba2Config")(
        hidden_size=H, num_heads=4, head_dim=4, state_size=5, n_groups=1, chunk_size=4, num_hidden_layers=1
    )
    theirs = drawn(transformers("mamba2", "Mamba2Mixer")(config, layer_idx=0))
    layer = Mamba2(input_size=H, hidden_size=H, heads=4, state_size=5).double()
    demand_same(layer, theirs, dict(theirs.named_parameters()), list(theirs.parameters()), example())


def test_rg_lru_is_recurrent_gemmas_block():
    """Theirs has gates in heads, here one, and leaves the root at position 0 of a text: our sequence begins behind."""
    config = transformers("recurrent_gemma", "RecurrentGemmaConfig")(
        hidden_size=H, lru_width=H, num_attention_heads=1, conv1d_width=4, hidden_activation="gelu"
    )
    block = drawn(transformers("recurrent_gemma", "RecurrentGemmaRecurrentBlock")(config, layer_idx=0))
    positions = torch.arange(1, T + 1).expand(B, T)
    gates = block.rg_lru
    weights = {
        "input.weight": torch.cat([block.linear_x.weight, block.linear_y.weight]),
        "input.bias": torch.cat([block.linear_x.bias, block.linear_y.bias]),
        "convolution.weight": block.conv_1d.weight,
        "convolution.bias": block.conv_1d.bias,
        "gates.weight": torch.cat([gates.recurrent_gate_weight[0].T, gates.input_gate_weight[0].T]),
        "gates.bias": torch.cat([gates.recurrent_gate_bias[0], gates.input_gate_bias[0]]),
        "Lambda": -gates.recurrent_param,
        "output.weight": block.linear_out.weight,
        "output.bias": block.linear_out.bias,
    }
    layer = RGLRU(input_size=H, hidden_size=H).double()
    demand_same(
        layer, lambda x: block(x, positions, None, use_cache=False)[0], weights, list(block.parameters()), example()
    )


def test_gated_delta_net_is_qwen3_nexts():
    """Theirs divides q by the root of its width and norms afterwards; its epsilon is ours seen through that."""
    heads, key, value = 2, H // 2, H
    config = transformers("qwen3_next", "Qwen3NextConfig")(
        hidden_size=H, linear_num_value_heads=heads, linear_num_key_heads=heads, linear_key_head_dim=key,
        linear_value_head_dim=value, linear_conv_kernel_dim=4, num_hidden_layers=1, rms_norm_eps=1e-5 / key,
    )  # fmt: skip
    theirs = drawn(transformers("qwen3_next", "Qwen3NextGatedDeltaNet")(config, layer_idx=0))
    by_head = theirs.in_proj_qkvz.weight.view(heads, -1, H).split([key, key, value, value], dim=1)
    b, a = theirs.in_proj_ba.weight.view(heads, 2, H).unbind(1)
    weights = {
        "in_proj.weight": torch.cat([*(part.flatten(0, 1) for part in by_head), a, b]),
        "conv1d.weight": theirs.conv1d.weight,
        "dt_bias": theirs.dt_bias,
        "A_log": theirs.A_log,
        "norm.weight": theirs.norm.weight,
        "out_proj.weight": theirs.out_proj.weight,
    }
    layer = GatedDeltaNet(input_size=H, hidden_size=H, heads=heads).double()
    demand_same(layer, theirs, weights, list(theirs.parameters()), example())


@pytest.mark.parametrize("input_bias", [-3.0, 0.0, 5.0])
def test_mlstm_is_xlstms_in_transformers(input_bias):
    """From any state, in float64; theirs is the cell alone, between our projections and our output gate."""
    torch.manual_seed(0)
    theirs = transformers("xlstm", "mlstm_recurrent_sequence_native")
    layer = MLSTM(input_size=3, hidden_size=H, heads=2, input_bias=input_bias).double()
    x = torch.randn(B, T, 3, dtype=torch.float64)
    state = MLSTMState(*(torch.randn_like(leaf) for leaf in layer.initial_state(B)))
    q, k, v, o = layer.project(x).chunk(4, dim=-1)
    q, k, v = (part.unflatten(-1, (2, -1)).transpose(1, 2) for part in (q, k / (H / 2) ** 0.5, v))
    i, f = layer.gates(x).transpose(1, 2).chunk(2, dim=1)
    read, after = theirs(
        q * (H / 2) ** 0.5, k, v, i, f, state.C, state.n, state.m.unsqueeze(-1),
        return_last_states=True, eps=0.0, dtype_state=torch.float64,
    )  # fmt: skip
    expected = o.sigmoid() * read.transpose(1, 2).flatten(2)
    y, found = layer(x, state)
    for one, other in zip((y, *found), (expected, *after), strict=True):
        torch.testing.assert_close(one, other.view_as(one), rtol=1e-10, atol=1e-10)
    cotangent = torch.randn_like(y)
    for one, other in zip(
        torch.autograd.grad(y, layer.parameters(), cotangent, retain_graph=True),
        torch.autograd.grad(expected, layer.parameters(), cotangent),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


@pytest.fixture
def rwkvs_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The class of the author's package, without the compiler and the switches of torch's that it sets on import."""
    monkeypatch.setenv("RWKV_JIT_ON", "0")
    cudnn, products = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.allow_tf32, products.allow_tf32
    yield pytest.importorskip("rwkv.model", reason="the peer rwkv is not installed").RWKV
    cudnn.benchmark, cudnn.allow_tf32, products.allow_tf32 = before


def test_rwkv_is_its_authors(rwkvs_own):
    """One text at a time, first many tokens at once, then one by one; around it theirs has a norm and a residual."""
    heads, rank, decay_rank = 2, 3, 5
    layer = drawn(RWKV(input_size=H, hidden_size=H, heads=heads, mix_rank=rank, decay_rank=decay_rank)).float()
    order = [4, 1, 2, 0, 3]  # theirs, w k v r g, in ours, r k v g w
    down = layer.mix_down.weight.view(5, rank, H)[order].flatten(0, 1)
    arguments = (
        layer.norm_weight, layer.norm_bias, layer.mix_base, *layer.mix[order], down.T, layer.mix_up[order],
        layer.decay_down.weight.T, layer.decay_up.weight.T,
        layer.decay_bias.view(heads, -1, 1), layer.bonus.view(heads, -1, 1),
        layer.key.weight.T, layer.value.weight.T, layer.receptance.weight.T, layer.gate.weight.T,
        layer.output.weight.T, *[None] * 20,
    )  # fmt: skip
    ones, zeros = torch.ones(H), torch.zeros(H)
    x = torch.randn(T, H, generator=torch.Generator().manual_seed(1))
    state, outputs = (zeros, torch.zeros(heads, H // heads, H // heads)), []
    for said, call in ((x[:9], rwkvs_own.att_seq_v6_0), *((x_t, rwkvs_own.att_one_v6_0) for x_t in x[9:])):
        y, *state = call(None, said, *state, ones, zeros, *arguments)
        outputs.append((y - said).view(-1, H))
    expected = torch.cat(outputs)
    found, after = layer(torch.nn.functional.layer_norm(x, (H,)).unsqueeze(0))
    for one, other in zip((found, *after), (expected, *state), strict=True):
        torch.testing.assert_close(one[0], other, rtol=NEAR, atol=NEAR)
    cotangent = torch.randn(T, H)
    for one, other in zip(
        torch.autograd.grad(found[0], layer.parameters(), cotangent, retain_graph=True),
        torch.autograd.grad(expected, layer.parameters(), cotangent),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "linear", "kind", "order"),
    [("minGRU", "to_hidden_and_gate", MinGRU, [1, 0]), ("minLSTM", "to_hidden_and_f_i_gate", MinLSTM, [1, 2, 0])],
)
def test_minimal_units_are_lucidrains_where_no_candidate_is_negative(name, linear, kind, order):
    """Theirs, in logarithms, takes c + 1/2 for a candidate c >= 0 and something else below, and has no biases."""
    pytest.importorskip("minGRU_pytorch", reason="the peer minGRU-pytorch is not installed")
    theirs = drawn(getattr(importlib.import_module(f"minGRU_pytorch.{name}"), name)(H))
    matrix = getattr(theirs, linear).weight
    with torch.no_grad():
        matrix[:H].abs_()
    bias = torch.zeros(len(matrix)).double()
    bias[-H:] = 0.5
    weights = {"input.weight": torch.cat([matrix.split(H)[place] for place in order]), "input.bias": bias}
    layer = kind(input_size=H, hidden_size=H).double()
    demand_same(layer, theirs, weights, [matrix], example(least=0.1), tolerance=1e-10)
