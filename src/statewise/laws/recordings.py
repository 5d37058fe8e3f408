"""What layers record for whoever looks is one value a row and step, and looking changes nothing."""

from torch import Tensor

from statewise import probe
from statewise.laws.broken import Fault, demand_same_run
from statewise.laws.subject import BATCH, TIME, Subject


def recordings(subject: Subject) -> None:
    """Each side output is ``(B, T, ...)``, one value a step; a sequence that is looked at is what it is unobserved."""
    layer, x, state = subject.layer, subject.x, subject.state
    with probe.recording(layer) as seen:
        looked_at = layer(x, state)
    demand_same_run("the sequence while a recorder is open", layer(x, state), looked_at)
    for place, values in _by_place(seen).items():
        if values.shape[:2] != (BATCH, TIME):
            raise Fault(f"{place} has shape {tuple(values.shape)}, expected ({BATCH}, {TIME}, ...)")


def _by_place(seen: probe.Recording) -> dict[str, Tensor]:
    """All values, by the path and name under which they were recorded."""
    return {f"'{path}' {name}".removeprefix("'' "): v for path, named in seen.items() for name, v in named.items()}
