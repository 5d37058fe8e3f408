"""What cells of two products a step do to blocks of numbers, for Triton kernels, as ``statewise.ops.chains`` says.

``open`` makes of x, u, h and m what the second product takes, the memory and what is carried to ``close``, which makes
h' of x, w, h and that. ``unclose`` makes of the cotangent of h' those of w and of the gates' own weights, a row, and
what is carried to ``unopen``, which makes those of x, u, h and m of that of what the second product took. Blocks have a
row of a batch downwards and the numbers of a vector across; several vectors are a tuple of blocks.
"""

from typing import Any, NamedTuple

from statewise.ops.chains.cfc import CfCGates, CfCSolution
from statewise.ops.chains.minimal_gated_unit import MinimalGatedUnitGates
from statewise.ops.chains.projected_lstm import ProjectedLSTMGates
from statewise.ops.chains.reset_gru import ResetGRUGates
from statewise.ops.gpu.chains import cfc, gru, lstm


class Plugs(NamedTuple):
    """Of one kind of gates."""

    open: Any
    close: Any
    unclose: Any
    unopen: Any
    numbers: int = 0
    """Of x behind its vectors: 1 where the time that has passed is there"""


CHAINS: dict[Any, Plugs] = {
    ResetGRUGates: Plugs(gru.reset_open, gru.reset_close, gru.reset_unclose, gru.reset_unopen),
    MinimalGatedUnitGates: Plugs(gru.minimal_open, gru.minimal_close, gru.minimal_unclose, gru.minimal_unopen),
    ProjectedLSTMGates: Plugs(lstm.projected_open, lstm.projected_close, lstm.projected_unclose, lstm.projected_unopen),
    CfCGates: Plugs(cfc.cfc_open, cfc.gates_close, cfc.gates_unclose, cfc.cfc_unopen, numbers=1),
    CfCSolution: Plugs(cfc.cfc_open, cfc.solution_close, cfc.solution_unclose, cfc.cfc_unopen, numbers=1),
}
"""Kind of gates -> what they do"""
