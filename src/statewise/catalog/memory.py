"""Nets beside a memory that they read and write."""

from statewise.contract import Entry
from statewise.layers.memory.feedforward import Feedforward
from statewise.layers.memory.neural_turing_machine import NeuralTuringMachine

MEMORY = (
    Entry("feedforward", "memory", Feedforward, "Graves, Wayne & Danihelka 2014, section 3.3.3"),
    Entry(
        "ntm", "memory", NeuralTuringMachine, "Graves, Wayne & Danihelka 2014",
        example={"slots": 6, "slot_width": 5, "read_heads": 2}, block="plain",
    ),
    Entry(
        "ntm-lstm", "memory", NeuralTuringMachine, "Graves, Wayne & Danihelka 2014",
        example={"slots": 6, "slot_width": 5}, defaults={"controller": "lstm"}, block="plain",
    ),
)  # fmt: skip
