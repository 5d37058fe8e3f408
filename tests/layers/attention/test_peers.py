"""Kinds of positions against those of transformers' models, around torch's own attention."""

import importlib
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from statewise.layers.attention.self_attention import SelfAttention

B, T, D = 2, 19, 24


def modelling(model: str) -> ModuleType:
    """Imported by the test that needs it, for it takes seconds."""
    pytest.importorskip("transformers", reason="the peer transformers is not installed")
    return importlib.import_module(f"transformers.models.{model}.modeling_{model}")


def example(positions: str, heads: int) -> tuple[SelfAttention, Tensor]:
    torch.manual_seed(0)
    layer = SelfAttention(input_size=D, hidden_size=D, heads=heads, context_length=T, positions=positions).double()
    return layer, torch.randn(B, T, D, dtype=torch.float64)


def heads_of(layer: SelfAttention, x: Tensor, heads: int) -> tuple[Tensor, ...]:
    """q, k and v ``(B, N, T, D / N)``."""
    return tuple(part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in layer.project_in(x).chunk(3, dim=-1))


def demand_same(layer: SelfAttention, x: Tensor, read: Tensor) -> None:
    """What is read of the heads, projected, is what the layer says; theirs make their angles in float32."""
    expected = layer.project_out(read.transpose(1, 2).flatten(2))
    torch.testing.assert_close(layer(x)[0], expected, rtol=0, atol=1e-5)


def test_sinusoidal_is_gpt_js():
    layer, x = example("sinusoidal", 2)
    waves = modelling("gptj").create_sinusoidal_positions(T, D)
    demand_same(layer, x, F.scaled_dot_product_attention(*heads_of(layer, x + waves, 2), is_causal=True))


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_rotary_is_llamas(heads):
    layer, x = example("rotary", heads)
    llama = modelling("llama")
    config = importlib.import_module("transformers").LlamaConfig(hidden_size=D, num_attention_heads=heads)
    cos, sin = llama.LlamaRotaryEmbedding(config)(x, torch.arange(T).unsqueeze(0))
    q, k, v = heads_of(layer, x, heads)
    q, k = llama.apply_rotary_pos_emb(q, k, cos, sin)
    demand_same(layer, x, F.scaled_dot_product_attention(q, k, v, is_causal=True))


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_alibi_is_blooms(heads):
    """Theirs counts from the first step, which a softmax does not see."""
    layer, x = example("alibi", heads)
    bias = modelling("bloom").build_alibi_tensor(torch.ones(B, T), heads, torch.float64).view(B, heads, 1, T)
    mask = torch.full((T, T), -torch.inf).triu(1).double() + bias
    demand_same(layer, x, F.scaled_dot_product_attention(*heads_of(layer, x, heads), attn_mask=mask))
