"""Law 10 beyond torch: ``step`` of every layer in ONNX Runtime, its state carried from call to call."""

import logging
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from statewise import tree
from statewise.catalog import SEQUENCE_LAYERS
from statewise.contract import Entry, SequenceLayer, weights_held
from statewise.contract.weights import Known
from statewise.models.resolve import make_layer

ROWS, WIDTH, STEPS = 2, 32, 20
ALLOWED = 1e-5
"""Largest difference in float32, relative to 1 + the largest magnitude, that counts as equal"""


def run() -> dict[str, Any]:
    """Every sequence layer of the catalog; what does not export keeps its reason."""
    rows, equal = [], 0
    for entry in SEQUENCE_LAYERS.values():
        found = _largest_difference(entry)
        said = found if isinstance(found, str) else f"{found:.1g}"
        equal += not isinstance(found, str) and found <= ALLOWED
        rows.append([entry.family, entry.name, said])
    return {
        "title": "Every layer's step in ONNX Runtime",
        "protocol": f"float32, width {WIDTH}, exported with `torch.onnx.export(dynamo=True)`; {STEPS} steps of random "
        "input, each side carrying its own state; what is made of the weights alone is worked out before; the largest "
        "difference in any output or state, relative to 1 + its largest magnitude.",
        "columns": ["family", "layer", "largest difference"],
        "rows": rows,
        "verdict": f"{equal} of {len(rows)} export and agree to {ALLOWED:.0e}.",
    }


class _FlatStep(nn.Module):
    """``step`` with the state's leaves as arguments and results of their own, which is what ONNX has.

    Called once before it is exported, it has what is made of the weights alone as constants.
    """

    def __init__(self, layer: SequenceLayer) -> None:
        super().__init__()
        self.layer = layer
        self.example = layer.initial_state(ROWS)
        self.made_of_weights: Known = {}

    def forward(self, x: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
        left = iter(leaves)
        with weights_held(self.made_of_weights):
            y, state = self.layer.step(x, tree.map(lambda _: next(left), self.example))
        return y, *tree.leaves(state)


@torch.no_grad()
def _largest_difference(entry: Entry) -> float | str:
    """Between torch and ONNX Runtime over all steps, or why there is none."""
    torch.manual_seed(0)
    layer = make_layer(entry, {"input_size": WIDTH, "hidden_size": WIDTH}).eval()
    module = _FlatStep(layer)
    leaves = [leaf.contiguous() for leaf in tree.leaves(module.example)]
    given = (torch.randn(ROWS, WIDTH), *leaves)
    module(*given)
    try:
        session = _session(module, given)
    except torch.onnx.OnnxExporterError as error:
        return f"does not export: {str(error.__cause__ or error).splitlines()[0]}"
    names = [described.name for described in session.get_inputs()]
    theirs, worst = [leaf.numpy() for leaf in leaves], 0.0
    for _ in range(STEPS):
        x = torch.randn(ROWS, WIDTH)
        ours = module(x, *leaves)
        answers = session.run(None, dict(zip(names, [x.numpy(), *theirs], strict=True)))
        worst = max(worst, *(_gap(a.numpy(), b) for a, b in zip(ours, answers, strict=True)))
        leaves, theirs = list(ours[1:]), answers[1:]
    return worst


def _session(module: nn.Module, arguments: tuple[Tensor, ...]) -> Any:
    """The module in ONNX Runtime on one thread."""
    import onnxruntime

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        program = torch.onnx.export(module, arguments, dynamo=True, verbose=False)
    assert program is not None, "dynamo's export returns a program"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(program.model_proto.SerializeToString(), options)


def _gap(ours: np.ndarray, theirs: np.ndarray) -> float:
    if ours.size == 0:
        return 0.0
    return float(np.abs(ours - theirs).max() / (1 + np.abs(ours).max()))
