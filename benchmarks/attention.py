"""Attention on a carried window against a plain causal attention block with the same weights, one thread.

    python benchmarks/attention.py [--rounds 40] [--device cuda]

The peer is the block that one writes by hand: one projection to queries, keys and values, torch's causal kernel, one
projection out. It carries nothing and promises nothing about what is not finite; ours does both, and that is what a
ratio above 1 pays for. Ours and theirs take turns, so that a busy machine slows both; a ratio is the median over the
rounds of ours / theirs. ``forward`` runs without gradients, ``training`` is forward and backward.
"""

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from turns import take_turns, training

from statewise.layers.attention.self_attention import SelfAttention

SHAPES = ((32, 32, 32, 2), (32, 64, 128, 4), (12, 64, 128, 4), (8, 256, 128, 4), (2, 1024, 256, 4))
"""B, T, H, N; the window is as long as the sequence"""


class PlainAttention(nn.Module):
    """Causal self-attention as in nanoGPT, with the weights of a layer without positions."""

    def __init__(self, layer: SelfAttention) -> None:
        super().__init__()
        self.heads = layer.heads
        self.project_in = layer.project_in
        self.project_out = layer.project_out

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.project_in(x).split(width, dim=2)
        q, k, v = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.project_out(y.transpose(1, 2).contiguous().view(batch, length, width))


def gears(batch: int, length: int, width: int, heads: int, device: str) -> dict[str, list[Callable[[], object]]]:
    """What ours and theirs do in each gear."""
    layer = SelfAttention(input_size=width, hidden_size=width, heads=heads, context_length=length, positions="none").to(
        device
    )
    x = torch.randn(batch, length, width, device=device)
    runs: list[Callable[[], Tensor]] = [lambda: layer(x)[0], lambda: plain(x)]
    plain = PlainAttention(layer)
    torch.testing.assert_close(runs[0](), runs[1]())
    return {"forward": [_quiet(run) for run in runs], "training": [training(layer, run) for run in runs]}


def _quiet(run: Callable[[], Tensor]) -> Callable[[], object]:
    return torch.no_grad()(run)


def main() -> None:
    """Print one line for each shape and gear."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="measurements of each side (default 40)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("   B     T    H  N  gear       ours ms   peer ms  ours/peer")
    for shape in SHAPES:
        for gear, works in gears(*shape, arguments.device).items():
            seconds, (ratio,) = take_turns(works, arguments.rounds, arguments.device)
            ours, theirs = (1000 * side for side in seconds)
            batch, length, width, heads = shape
            print(
                f"{batch:4} {length:5} {width:4} {heads:2}  {gear:9} {ours:9.3f} {theirs:9.3f} {ratio:10.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
