"""What layers record for whoever looks is the same in both gears, and looking changes nothing."""

from torch import Tensor

from statewise import probe
from statewise.laws.broken import LawBroken, demand_equal, demand_same_run
from statewise.laws.subject import BATCH, TIME, Subject, loop

LAW = "recordings"


def recordings(subject: Subject) -> None:
    """Side outputs of ``step`` and of the whole sequence: the same names, each ``(B, T, ...)``, the same values."""
    layer, x, state = subject.layer, subject.x, subject.state
    with probe.recording(layer) as slow:
        loop(layer, x, state)
    with probe.recording(layer) as fast:
        looked_at = layer(x, state)
    demand_same_run(LAW, "the sequence while a recorder is open", layer(x, state), looked_at)
    stepped, at_once = _by_place(slow), _by_place(fast)
    for place in stepped.keys() ^ at_once.keys():
        gear = "step" if place in stepped else "_sequence"
        raise LawBroken(LAW, f"{place} is recorded by {gear} alone")
    for place, values in at_once.items():
        if values.shape[:2] != (BATCH, TIME):
            raise LawBroken(LAW, f"{place} has shape {tuple(values.shape)}, expected ({BATCH}, {TIME}, ...)")
        demand_equal(LAW, place, stepped[place].detach(), values.detach())


def _by_place(seen: probe.Recording) -> dict[str, Tensor]:
    """All values, by the path and name under which they were recorded."""
    return {f"'{path}' {name}".removeprefix("'' "): v for path, named in seen.items() for name, v in named.items()}
