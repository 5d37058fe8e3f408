"""What a GPU ought to reach: layers against cuDNN's, variants against the loop over ``step``, scans against copies.

    python benchmarks/gpu.py [--rounds 20] [--only plain variants wide resets scans mamba torch]
    python benchmarks/gpu.py --device cpu --dry

Ours and the peers take turns; times are medians, a ratio is the median over the rounds of ours / theirs, beside the
goal. Plain layers carry torch.nn's weights and run cuDNN's kernels, in single precision and bfloat16. Gated variants
have a peer in the plain module of their kind, which computes something simpler, and in the eager loop over their own
``step``; rows with resets inside in the same rows without. The floor of a scan is a copy of as many bytes as it has to
read and write. The peer of Mamba's scan is its authors' kernel where mamba-ssm is installed, and else our own form by
torch's operations; that of S4D, S4 and short convolutions the same layer by torch's. It was never run on a GPU. A dry
run takes sizes at which no figure means anything: it tells whether all of it runs.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from turns import training

from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import SequenceLayer
from statewise.cost.bench.clock import repeats_of, seconds
from statewise.models.resolve import make_layer
from statewise.ops import causal_convolution, diagonal_convolution, state_space_convolution
from statewise.ops.linear_recurrence import linear_recurrence
from statewise.ops.selective_scan import FORMS as SELECTIVE
from statewise.ops.selective_scan import selective_scan

Work = Callable[[], object]
PLAIN = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
VARIANTS = {
    "lstm-peephole": nn.LSTM,
    "lstm-layer-norm": nn.LSTM,
    "lstm-zoneout": nn.LSTM,
    "lstm-variational": nn.LSTM,
    "gru-layer-norm": nn.GRU,
    "minimal-rnn": nn.GRU,
    "gru-reset-before": nn.GRU,
    "minimal-gated-unit": nn.GRU,
    "lstm-projected": nn.LSTM,
}
RESETS = ("lstm-peephole", "lstm-layer-norm", "gru-reset-before", "ode-rnn", "min-gru", "lru", "s4d", "s4", "mamba")
BY_TORCH = {
    "s4d": (diagonal_convolution.FORMS, "in_blocks"),
    "s4": (state_space_convolution.FORMS, "in_blocks"),
    "rg-lru": (causal_convolution.FORMS, "conv1d"),
}
"""Layer -> forms of its operation, and the one that is torch's alone"""


class Sizes(NamedTuple):
    """Of everything that is compared."""

    rows: int = 16
    steps: int = 1024
    width: int = 128
    wide: int = 512
    scan: tuple[int, int, int] = (8, 4096, 1536)
    mamba: tuple[int, int, int, int] = (8, 2048, 1024, 16)


DRY = Sizes(rows=2, steps=3, width=4, wide=5, scan=(2, 5, 3), mamba=(2, 5, 3, 4))


class Duel(NamedTuple):
    """Two pieces of work, what to call them, and what ours / theirs ought to be at most."""

    name: str
    ours: Work
    peer: str
    theirs: Work
    goal: float


def plain(sizes: Sizes, device: str) -> Iterator[Duel]:
    """Plain layers, whose kernels are cuDNN's."""
    for name, kind in PLAIN.items():
        for dtype in (torch.float32, torch.bfloat16):
            layer, x = _pair(name, sizes, sizes.width, device, dtype)
            module = kind(sizes.width, sizes.width, batch_first=True, device=device, dtype=dtype)
            label = f"{name} {str(dtype).removeprefix('torch.')}"
            yield from _both(label, layer, module, x, 1.03, 1.03)


def variants(sizes: Sizes, device: str) -> Iterator[Duel]:
    """Gated variants as wide as a program on a GPU has room for, and minGRU, which is a scan."""
    for name, kind in VARIANTS.items():
        layer, x = _pair(name, sizes, sizes.width, device)
        module = kind(sizes.width, sizes.width, batch_first=True, device=device)
        yield from _both(name, layer, module, x, 2.0, 2.5)
        yield Duel(f"{name} training", _training(layer, x), "loop", _training(layer, x, _loop), 1 / 15)
    layer, x = _pair("min-gru", sizes, sizes.width, device)
    yield from _both("min-gru", layer, nn.GRU(sizes.width, sizes.width, batch_first=True, device=device), x, 1.0, 1.0)


def wide(sizes: Sizes, device: str) -> Iterator[Duel]:
    """Gated variants for whose matrix a program has no room: a captured graph of steps."""
    for name in ("lstm-layer-norm", "gru-layer-norm"):
        layer, x = _pair(name, sizes, sizes.wide, device)
        module = VARIANTS[name](sizes.wide, sizes.wide, batch_first=True, device=device)
        yield from _both(f"{name} H={sizes.wide}", layer, module, x, 5.5, 5.5)


def resets(sizes: Sizes, device: str) -> Iterator[Duel]:
    """Rows of which one step in a hundred is a reset, against rows without."""
    for name in RESETS:
        layer, x = _pair(name, sizes, sizes.width, device)
        reset = torch.rand(x.shape[:2], device=device) < 0.01

        def cut(layer: nn.Module, x: Tensor, reset: Tensor = reset) -> Tensor:
            y: Tensor = layer(x, reset=reset)[0]
            return y

        yield Duel(f"{name} training, resets", _training(layer, x, cut), "none", _training(layer, x), 1.1)


def scans(sizes: Sizes, device: str) -> Iterator[Duel]:
    """The linear recurrence, forward and backward, against a copy of what it reads and writes at least."""
    kinds = [(dtype, constant) for constant in (False, True) for dtype in (torch.float32, torch.complex64)]
    for dtype, constant in [(torch.bfloat16, False), *kinds]:
        a, b, cotangent = (torch.randn(sizes.scan, dtype=dtype, device=device) / 2 for _ in range(3))
        initial = torch.zeros_like(b[:, 0])
        a = a[0, 0] / (1 + a[0, 0].abs()) if constant else a
        label = f"scan {str(dtype).removeprefix('torch.')}{', a constant' * constant}"

        def forward(a: Tensor = a, b: Tensor = b, initial: Tensor = initial) -> Tensor:
            with torch.no_grad():
                return linear_recurrence(a, b, initial)

        yield Duel(f"{label} forward", forward, "copy", _copy(b, 2 if constant else 3), 1 / 0.8)
        leaves = a.requires_grad_(), b.requires_grad_()
        h = linear_recurrence(*leaves, initial)

        def backward(
            h: Tensor = h, leaves: tuple[Tensor, ...] = leaves, cotangent: Tensor = cotangent
        ) -> tuple[Tensor, ...]:
            return torch.autograd.grad(h, leaves, cotangent, retain_graph=True)

        yield Duel(f"{label} backward", backward, "copy", _copy(b, 3 if constant else 5), 1 / 0.75)


def mamba(sizes: Sizes, device: str) -> Iterator[Duel]:
    """Mamba's scan, forward and training."""
    rows, steps, channels, states = sizes.mamba
    u, dt = (torch.rand(rows, steps, channels, device=device) for _ in range(2))
    b, c = (torch.randn(rows, steps, states, device=device) for _ in range(2))
    a = -torch.rand(channels, states, device=device)
    initial = torch.zeros(rows, channels, states, device=device)

    def ours(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        return selective_scan(u, dt, a, b, c, initial)[0]

    def by_torch(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        with SELECTIVE.use("in_pieces"):
            return ours(u, dt, a, b, c)

    given, theirs = (u, dt, a, b, c), _mamba_ssm()
    peer, goal = ("torch", 0.1) if theirs is None else ("mamba", 1.0)
    theirs = by_torch if theirs is None else theirs
    yield Duel("selective scan forward", _without_gradients(ours, given), peer, _without_gradients(theirs, given), goal)
    leaves = [x.requires_grad_() for x in given]
    yield Duel("selective scan training", _gradients(ours, leaves), peer, _gradients(theirs, leaves), goal)


def by_torch(sizes: Sizes, device: str) -> Iterator[Duel]:
    """Layers by our kernel against the same by torch's operations, in training."""
    for name, (forms, other) in BY_TORCH.items():
        layer, x = _pair(name, sizes, sizes.width, device)

        def run(layer: nn.Module, x: Tensor, forms: Any = forms, other: str = other) -> Tensor:
            with forms.use(other):
                return _whole(layer, x)

        yield Duel(f"{name} training", _training(layer, x), other, _training(layer, x, run), 1.0)


def _mamba_ssm() -> Callable[..., Tensor] | None:
    """The authors' kernel, which reads time last."""
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    except ImportError:
        return None

    def scan(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        y: Tensor = selective_scan_fn(u.mT, dt.mT, a, b.mT, c.mT)
        return y.mT

    return scan


def _without_gradients(function: Callable[..., Tensor], given: Sequence[Tensor]) -> Work:
    def work() -> Tensor:
        with torch.no_grad():
            return function(*given)

    return work


def _gradients(function: Callable[..., Tensor], leaves: Sequence[Tensor]) -> Work:
    return lambda: torch.autograd.grad(function(*leaves).sum(), leaves)


def _copy(like: Tensor, passes: int) -> Work:
    """Read and write as many bytes as so many passes over ``like`` take, which is half as many copied."""
    numbers = torch.empty(passes * like.numel() * like.element_size() // 2, dtype=torch.uint8, device=like.device)
    into = torch.empty_like(numbers)
    return lambda: into.copy_(numbers)


def _pair(
    name: str, sizes: Sizes, width: int, device: str, dtype: torch.dtype = torch.float32
) -> tuple[SequenceLayer, Tensor]:
    """A layer and what it reads."""
    layer = make_layer(SEQUENCE_LAYERS[name], {"input_size": width, "hidden_size": width})
    x = torch.randn(sizes.rows, sizes.steps, width, dtype=dtype, device=device)
    return layer.to(device=device, dtype=dtype).train(), x


def _both(name: str, layer: SequenceLayer, module: nn.Module, x: Tensor, forward: float, training: float) -> list[Duel]:
    """Forward and training, with these goals."""
    peer = f"nn.{type(module).__name__}"
    return [
        Duel(f"{name} forward", _forward(layer, x), peer, _forward(module, x), forward),
        Duel(f"{name} training", _training(layer, x), peer, _training(module, x), training),
    ]


def _loop(layer: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(layer, SequenceLayer)
    return SequenceLayer._sequence(layer, x, layer.initial_state(x.shape[0]))[0]


def _whole(module: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = module(x)[0]
    return y


def _forward(module: nn.Module, x: Tensor) -> Work:
    def work() -> Tensor:
        with torch.no_grad():
            return _whole(module, x)

    return work


def _training(module: nn.Module, x: Tensor, run: Callable[[nn.Module, Tensor], Tensor] = _whole) -> Work:
    return training(module, lambda: run(module, x))


def measured(duel: Duel, rounds: int, device: str) -> tuple[float, float, float]:
    """Median seconds of ours and of theirs, and the median of their ratio, over interleaved runs."""
    repeats = [repeats_of(work, device) if rounds > 1 else 1 for work in (duel.ours, duel.theirs)]
    times = [
        [seconds(work, n, device) for work, n in zip((duel.ours, duel.theirs), repeats, strict=True)]
        for _ in range(rounds)
    ]
    ours, theirs = zip(*times, strict=True)
    return (
        statistics.median(ours),
        statistics.median(theirs),
        statistics.median(one / other for one, other in zip(ours, theirs, strict=True)),
    )


GROUPS = {
    "plain": plain, "variants": variants, "wide": wide, "resets": resets, "scans": scans, "mamba": mamba,
    "torch": by_torch,
}  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Print one line for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="measurements of each side (default 20)")
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--device", default="cuda", help="where everything runs (default cuda)")
    parser.add_argument("--dry", action="store_true", help="at sizes that measure nothing, once: does it run?")
    options = parser.parse_args(arguments)
    sizes, rounds = (DRY, 1) if options.dry else (Sizes(), options.rounds)
    torch.manual_seed(0)
    print(f"{options.device}, {sizes}" + (", a dry run: the figures mean nothing" if options.dry else ""))
    print("work                                 ours ms  peer      peer ms  ours/peer   goal")
    for name in options.only:
        for duel in GROUPS[name](sizes, options.device):
            ours, theirs, ratio = measured(duel, rounds, options.device)
            print(
                f"{duel.name:34} {1000 * ours:9.3f}  {duel.peer:7} {1000 * theirs:9.3f} {ratio:10.2f} {duel.goal:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
