"""Reservoirs, whose weights are drawn and stay."""

from statewise.contract import Entry, Knob
from statewise.layers.reservoir.echo_state import EchoStateNetwork

RESERVOIR = (
    Entry(
        "echo-state", "reservoir", EchoStateNetwork, "Jaeger 2001; Jaeger et al. 2007",
        example={"leak_rate": 0.5, "recurrent_connectivity": 0.5, "bias_scaling": 0.1},
        closed_form=True, knobs=(Knob("spectral_radius", 0.3, 1.3), Knob("leak_rate", 0.05, 1.0, "log")),
    ),
)  # fmt: skip
