"""One streamed step against torch.nn's cell and ONNX Runtime with the same weights, one thread, one row.

    python benchmarks/streaming.py [--rounds 40] [--layers lstm gru rnn] [--others min-gru s5 ...]

Ours is ``layer.stepper``; ONNX Runtime runs its own operator of that kind, where it is installed. Any other layer of
the catalog (``--others``; all that recur) is held to torch.nn's LSTM cell, which is as wide. They take turns, so that a
busy machine slows all; times are the processor's, medians, a ratio is the median over the rounds. The floor is the time
in which the weights of a step can be read from memory that a core holds, at the rate at which this machine reads and
writes when it copies 64 kB.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from plain_layers import LAYERS, STEPS, cell_of, single_steps
from turns import Taken, take_turns

from statewise.catalog import SEQUENCE_LAYERS
from statewise.layers.recurrent.interop import to_torch
from statewise.models.resolve import make_layer

WIDTHS = (32, 64, 128, 256)
OTHERS = [name for name, entry in SEQUENCE_LAYERS.items() if entry.family in ("recurrent", "statespace", "reservoir")]


def onnx_step(name: str, module: torch.nn.Module, width: int) -> Callable[[], object] | None:
    """A step of the same module in ONNX Runtime; None where it is not installed."""
    try:
        import onnxruntime
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        return None
    weights = {key: value.detach().numpy() for key, value in module.state_dict().items()}
    order = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2], "rnn": [0]}[name]

    def gates(key: str) -> np.ndarray:
        parts = np.split(weights[key], len(order))
        return np.concatenate([parts[place] for place in order])

    held = {
        "W": gates("weight_ih_l0")[None],
        "R": gates("weight_hh_l0")[None],
        "B": np.concatenate([gates("bias_ih_l0"), gates("bias_hh_l0")])[None],
    }
    states = ["h", "c"] if name == "lstm" else ["h"]
    attributes: dict[str, Any] = {"hidden_size": width, **({"linear_before_reset": 1} if name == "gru" else {})}
    node = helper.make_node(name.upper(), ["x", *held, "", *states], ["", *(f"{s}_next" for s in states)], **attributes)
    shape = [1, 1, width]
    graph = helper.make_graph(
        [node],
        "step",
        [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key in ("x", *states)],
        [helper.make_tensor_value_info(f"{key}_next", TensorProto.FLOAT, shape) for key in states],
        [numpy_helper.from_array(value, key) for key, value in held.items()],
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    fed = {key: np.zeros(shape, np.float32) for key in ("x", *states)}
    return single_steps(lambda: session.run(None, fed))


def floor(bytes_read: int) -> float:
    """Seconds to read so many bytes from a core's own memory."""
    chunk = torch.ones(16 * 1024)
    target = torch.empty_like(chunk)
    times = []
    for _ in range(200):
        began = time.perf_counter()
        for _ in range(10):
            target.copy_(chunk)
        times.append((time.perf_counter() - began) / 10)
    return min(times) * bytes_read / (2 * 4 * chunk.numel())


def main() -> None:
    """Print one line for each layer, width and peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40, help="measurements of each side (default 40)")
    parser.add_argument("--layers", nargs="*", choices=sorted(LAYERS), default=sorted(LAYERS))
    parser.add_argument("--others", nargs="*", metavar="NAME", default=[n for n in OTHERS if n not in LAYERS])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("layer                    H  peer             ours us   peer us  ours/peer  floor us")
    for name in arguments.layers:
        for width in WIDTHS:
            compare(name, width, arguments.rounds)
    for name in arguments.others:
        for width in WIDTHS:
            beside_lstm_cell(name, width, arguments.rounds)


def compare(name: str, width: int, rounds: int) -> None:
    """Print the lines of one layer and width."""
    layer_class, cell_class = LAYERS[name]
    layer = layer_class(input_size=width, hidden_size=width)
    module = to_torch([layer])
    x: torch.Tensor = torch.randn(1, width)
    state: Any = layer.initial_state(1)
    stream, cell = layer.stepper(state), cell_of(cell_class, module, width, "cpu")
    held = tuple(state) if name == "lstm" else state.h
    ours, least = single_steps(lambda: stream(x)), floor(_bytes(layer))
    peers = {
        f"nn.{cell_class.__name__}": single_steps(lambda: cell(x, held)),
        "ONNX Runtime": onnx_step(name, module, width),
    }
    for peer, theirs in peers.items():
        if theirs is None:
            continue
        report(name, width, peer, take_turns((ours, theirs), rounds), least)


def beside_lstm_cell(name: str, width: int, rounds: int) -> None:
    """Print the line of any layer of the catalog and one width."""
    layer = make_layer(SEQUENCE_LAYERS[name], {"input_size": width, "hidden_size": width}).eval()
    cell, x = torch.nn.LSTMCell(width, width), torch.randn(1, width)
    stream, held = layer.stepper(layer.initial_state(1)), (torch.zeros(1, width), torch.zeros(1, width))
    works = single_steps(lambda: stream(x)), single_steps(lambda: cell(x, held))
    report(name, width, "nn.LSTMCell", take_turns(works, rounds), floor(_bytes(layer)))


def _bytes(layer: torch.nn.Module) -> int:
    return sum(t.element_size() * t.numel() for t in (*layer.parameters(), *layer.buffers()))


def report(name: str, width: int, peer: str, taken: Taken, least: float) -> None:
    """Print a line of the table."""
    ours, theirs = (1e6 * of_all / STEPS for of_all in taken.seconds)
    print(
        f"{name:22} {width:4}  {peer:14} {ours:9.1f} {theirs:9.1f} {taken.ratios[0]:10.3f} {1e6 * least:9.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
