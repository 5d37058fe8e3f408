"""The one contract: what a layer, a model and an encoder are. One kind a file."""

from statewise.contract.decoder import Decoder
from statewise.contract.encoder import EncoderLayer, check_lengths
from statewise.contract.entry import SMALL, Entry, Knob, Peer
from statewise.contract.example import example_input, example_values
from statewise.contract.inputs import (
    Input,
    InputForm,
    Timed,
    Tokens,
    Vectors,
    slice_time,
    take_step,
    values_of,
    with_values,
)
from statewise.contract.kind import LayerFactory, LayerKind
from statewise.contract.model import Model
from statewise.contract.residual import Residual
from statewise.contract.schedule import Level, bottom_up
from statewise.contract.segments import Segments, segment_by_segment
from statewise.contract.sequence import SequenceLayer
from statewise.contract.stepper import (
    Map,
    PlainStepper,
    PointwiseStepper,
    Stepper,
    altered,
    as_written,
    in_stream,
    without_gradients,
)
from statewise.contract.structure import Structure, StructureLayer
from statewise.contract.weights import Known, from_weights, parametrised_weights, weights_held

__all__ = [
    "SMALL",
    "Decoder",
    "EncoderLayer",
    "Entry",
    "Input",
    "InputForm",
    "Knob",
    "Known",
    "LayerFactory",
    "LayerKind",
    "Level",
    "Map",
    "Model",
    "Peer",
    "PlainStepper",
    "PointwiseStepper",
    "Residual",
    "Segments",
    "SequenceLayer",
    "Stepper",
    "Structure",
    "StructureLayer",
    "Timed",
    "Tokens",
    "Vectors",
    "altered",
    "as_written",
    "bottom_up",
    "check_lengths",
    "example_input",
    "example_values",
    "from_weights",
    "in_stream",
    "parametrised_weights",
    "segment_by_segment",
    "slice_time",
    "take_step",
    "values_of",
    "weights_held",
    "with_values",
    "without_gradients",
]
