"""The one contract: what a layer, a model and an encoder are. One kind a file."""

from statewise.contract.encoder import EncoderLayer, check_lengths
from statewise.contract.inputs import Input, InputForm, Timed, Tokens, Vectors, values_of, with_time_of
from statewise.contract.model import Model
from statewise.contract.sequence import SequenceLayer

__all__ = [
    "EncoderLayer",
    "Input",
    "InputForm",
    "Model",
    "SequenceLayer",
    "Timed",
    "Tokens",
    "Vectors",
    "check_lengths",
    "values_of",
    "with_time_of",
]
