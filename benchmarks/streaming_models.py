"""One streamed step of a whole model against the same made of torch.nn's cells and modules, one thread, one row.

    python benchmarks/streaming_models.py [--rounds 40] [--widths 32 64 128 256]

Two blocks of a recurrent layer with a feed-forward part twice as wide, between a linear map of 8 numbers and one to 4:
plain, f(x), or residual, x + f(norm(x)), with a norm before the head. Ours is ``model.stepper``; the peer has as many
weights and calls torch's modules one after the other. They take turns; times are the processor's, medians, a ratio is
the median over the rounds.
"""

import argparse
from collections.abc import Callable

import torch
import torch.nn.functional as F
from plain_layers import STEPS, single_steps
from torch import Tensor, nn
from turns import take_turns

from statewise.catalog import SEQUENCE_LAYERS
from statewise.combine.residual import Norm
from statewise.contract import Model, SequenceLayer, Vectors
from statewise.models.build import build_model
from statewise.models.config import ModelConfig
from statewise.models.resolve import make_layer

READ, PUT_OUT, DEPTH, INNER = 8, 4, 2, 2
CELLS: dict[str, type[nn.LSTMCell | nn.GRUCell]] = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}
NORMS: dict[Norm, Callable[[int], nn.Module]] = {
    "none": lambda width: nn.Identity(),
    "layer": nn.LayerNorm,
    "rms": nn.RMSNorm,
}
BLOCKS: tuple[tuple[str, Norm], ...] = ("plain", "none"), ("residual", "layer"), ("residual", "rms")


class Peer(nn.Module):
    """The same by torch's modules."""

    def __init__(self, name: str, block: str, norm: Norm, width: int) -> None:
        super().__init__()
        self.kind, self.residual = CELLS[name], block == "residual"
        self.embed, self.head = nn.Linear(READ, width), nn.Linear(width, PUT_OUT)
        self.cells = nn.ModuleList(self.kind(width, width) for _ in range(DEPTH))
        self.norms = nn.ModuleList(NORMS[norm](width) for _ in range(2 * DEPTH + 1) if self.residual)
        self.rise = nn.ModuleList(nn.Linear(width, INNER * width) for _ in range(DEPTH))
        self.fall = nn.ModuleList(nn.Linear(INNER * width, width) for _ in range(DEPTH))

    def begin(self, width: int) -> list[Tensor | tuple[Tensor, Tensor]]:
        """The states of all cells."""
        zeros = torch.zeros(1, width)
        return [(zeros, zeros) if self.kind is nn.LSTMCell else zeros for _ in self.cells]

    def step(self, x: Tensor, states: list[Tensor | tuple[Tensor, Tensor]]) -> Tensor:
        """One step; the states are replaced."""
        x = self.embed(x)
        for k, cell in enumerate(self.cells):
            states[k] = after = cell(self._normed(2 * k, x), states[k])
            h = after[0] if isinstance(after, tuple) else after
            x = x + h if self.residual else h
            y = self.fall[k](F.gelu(self.rise[k](self._normed(2 * k + 1, x))))
            x = x + y if self.residual else y
        found: Tensor = self.head(self._normed(2 * DEPTH, x))
        return found

    def _normed(self, place: int, x: Tensor) -> Tensor:
        return self.norms[place](x) if self.residual else x


def model(name: str, block: str, norm: Norm, width: int) -> Model:
    """Ours."""
    config = ModelConfig(name, width=width, depth=DEPTH, block=block, norm=norm, feed_forward=float(INNER))

    def layer(*, input_size: int, hidden_size: int, number: int) -> SequenceLayer:
        return make_layer(SEQUENCE_LAYERS[name], {"input_size": input_size, "hidden_size": hidden_size})

    return build_model(config, layer, Vectors(READ), PUT_OUT).eval()


@torch.no_grad()
def main() -> None:
    """Print one line for each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="measurements of each side (default 40)")
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64, 128, 256], help="H (default 32 64 128 256)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("layer  block     norm      H   ours us  torch.nn us  ours/torch.nn")
    for name in CELLS:
        for block, norm in BLOCKS:
            for width in arguments.widths:
                compare(name, block, norm, width, arguments.rounds)


def compare(name: str, block: str, norm: Norm, width: int, rounds: int) -> None:
    """Print the line of one model."""
    ours, peer, x = model(name, block, norm, width), Peer(name, block, norm, width), torch.randn(1, READ)
    counts = [sum(weight.numel() for weight in module.parameters()) for module in (ours, peer)]
    assert counts[0] == counts[1], counts
    stream, states = ours.stepper(ours.initial_state(1)), peer.begin(width)
    taken = take_turns((single_steps(lambda: stream(x)), single_steps(lambda: peer.step(x, states))), rounds)
    mine, theirs = (1e6 * seconds / STEPS for seconds in taken.seconds)
    print(f"{name:6} {block:9} {norm:6} {width:4} {mine:9.1f} {theirs:12.1f} {taken.ratios[0]:14.2f}", flush=True)


if __name__ == "__main__":
    main()
