"""What the first call of layers with compiled loops costs: ``python benchmarks/first_call.py [--layers gru mamba]``.

Every layer is trained, forward and back, and takes one step of a stream, in fresh processes: in the first, all loops
are compiled, as after an installation; in the second, they are loaded. Seconds of processor time, which leaves out what
other processes take, importing numba included. The goal is 10 s at most for whatever is called first.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import torch

from statewise.catalog import SEQUENCE_LAYERS
from statewise.models.resolve import make_layer

GOAL = 10.0
ROWS, STEPS, WIDTH = 4, 16, 32


def one(name: str) -> tuple[float, float]:
    """Seconds of training a layer for the first time in this process, then of its first step of a stream."""
    torch.set_num_threads(1)
    layer = make_layer(SEQUENCE_LAYERS[name], {"input_size": WIDTH, "hidden_size": WIDTH})
    x, state = torch.randn(ROWS, STEPS, WIDTH), layer.initial_state(1)
    start = time.process_time()
    layer(x)[0].sum().backward()
    trained = time.process_time()
    with torch.no_grad():
        layer.stepper(state)(x[:1, 0])
    return trained - start, time.process_time() - trained


def elsewhere(name: str, folder: str) -> tuple[float, float]:
    """``one`` in a process of its own, with the machine code that is kept in a folder."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    command = [sys.executable, __file__, "--one", name]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    training, step = map(float, said.split())
    return training, step


def main() -> None:
    """Print one line a layer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", nargs="+", metavar="NAME", default=["gru", "lstm-layer-norm", "cfc", "mamba", "s4"])
    parser.add_argument("--one", metavar="NAME", help="of this layer alone, in this process")
    arguments = parser.parse_args()
    if arguments.one:
        print(*one(arguments.one))
        return
    print(f"{'layer':16} {'training, compiled':>18} {'loaded':>8} {'step, compiled':>15} {'loaded':>8}")
    for name in arguments.layers:
        with tempfile.TemporaryDirectory() as folder:
            (training, step), (training_loaded, step_loaded) = elsewhere(name, folder), elsewhere(name, folder)
        verdict = "" if max(training, step) <= GOAL else f"  above {GOAL:.0f} s"
        print(
            f"{name:16} {training:16.1f} s {training_loaded:6.1f} s {step:13.1f} s {step_loaded:6.1f} s{verdict}",
            flush=True,
        )


if __name__ == "__main__":
    main()
