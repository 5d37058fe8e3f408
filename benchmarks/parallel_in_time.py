"""Newton's method over a whole sequence against the loop over ``step`` and against the layer's own fast path.

    python benchmarks/parallel_in_time.py [--rounds 3] [--lengths 64 512 4096] [--widths 4 16 64] [--batch 1]
        [--device cpu] [--layers gru ind-rnn min-gru lru]

All three take turns, so that a busy machine slows all; times are medians, a ratio is the median over the rounds of
Newton / the other: below 1, Newton is faster. ``fast`` is what ``layer(x)`` runs and the one that counts: a loop over
Python is no baseline. No gradients; T time steps, n units, K Newton iterations. A row that was not done in parallel is
marked with a star, and its time is that of finding so and of the fast path.
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from turns import take_turns

from statewise.contract import SequenceLayer
from statewise.layers.recurrent.gru import GRU
from statewise.layers.recurrent.ind_rnn import IndRNN
from statewise.layers.statespace.lru import LRU
from statewise.layers.statespace.min_gru import MinGRU
from statewise.parallel.newton import newton_in_time

LAYERS: dict[str, Callable[..., SequenceLayer]] = {"gru": GRU, "ind-rnn": IndRNN, "min-gru": MinGRU, "lru": LRU}
INPUTS = 8


def by_loop(layer: SequenceLayer, x: Tensor) -> None:
    """The definition: one ``step`` after another."""
    state = layer.initial_state(len(x))
    for x_t in x.unbind(1):
        _, state = layer.step(x_t, state)


def compare(name: str, length: int, width: int, arguments: argparse.Namespace) -> tuple[str, float]:
    """One line of the table, and Newton's time as a share of the fast path's."""
    torch.manual_seed(0)
    layer = LAYERS[name](input_size=INPUTS, hidden_size=width).to(arguments.device)
    x = torch.randn(arguments.batch, length, INPUTS, device=arguments.device)
    run = newton_in_time(layer, x)
    works: list[Callable[[], object]] = [
        partial(newton_in_time, layer, x),
        partial(by_loop, layer, x),
        partial(layer, x),
    ]
    medians, (to_loop, to_fast) = take_turns(works, arguments.rounds, arguments.device)
    mark = "*" if run.fallback else " "
    line = (
        f"{name:9}{length:6}{width:5}{int(run.iterations.max()):4}{mark}"
        + "".join(f"{1000 * seconds:11.2f}" for seconds in medians)
        + f"{to_loop:13.2f}{to_fast:13.2f}"
    )
    return line, to_fast if run.fallback is None else float("inf")


def main() -> None:
    """Print one line for each layer, length and width, and where Newton's method pays."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each (default 3)")
    parser.add_argument("--lengths", type=int, nargs="+", default=[64, 512, 4096], help="T (default 64 512 4096)")
    parser.add_argument("--widths", type=int, nargs="+", default=[4, 16, 64], help="n (default 4 16 64)")
    parser.add_argument("--batch", type=int, default=1, help="B (default 1)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--layers", nargs="+", choices=tuple(LAYERS), default=list(LAYERS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{arguments.device}, B = {arguments.batch}, forward, float32")
    print("layer         T    n   K   Newton ms    loop ms    fast ms  Newton/loop  Newton/fast")
    pays = []
    with torch.no_grad():
        for name in arguments.layers:
            for length in arguments.lengths:
                for width in arguments.widths:
                    line, ratio = compare(name, length, width, arguments)
                    print(line, flush=True)
                    if ratio < 1:
                        pays.append(f"{name} at T = {length}, n = {width}")
    print(f"It pays against the fast path {': ' + '; '.join(pays) if pays else 'nowhere in this table'}.")


if __name__ == "__main__":
    main()
