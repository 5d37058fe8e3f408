"""The trials of a comparison as they go, told to a person who watches."""

from types import TracebackType
from typing import Any, Self

from statewise.cli.time_left import TimeLeft
from statewise.cli.watch import Watch
from statewise.compare.experiment import Event


class Trials:
    """Tells how a comparison goes, or several one after the other. Use it as a context manager."""

    def __init__(self) -> None:
        self.begin()
        self.watch = Watch("trials", total=1, estimate=lambda: self.time_left.seconds())

    def __enter__(self) -> Self:
        self.watch.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.watch.__exit__(kind, error, trace)

    def begin(self) -> None:
        """Say that a comparison begins."""
        self.time_left = TimeLeft()

    def show(self, event: Event) -> None:
        """Tell what happened in the comparison."""
        self.time_left.note(event)
        if event.what in ("planned", "ahead") or event.before:
            return
        if event.what == "kept":
            self.watch.at(event.done, event.phase, total=event.total)
            self.watch.say(f"{event.phase}: {event.kept} finished before, taken from the folder")
            return
        if event.what == "broken":
            found = "1 trial was" if event.broken == 1 else f"{event.broken} trials were"
            again = "is" if event.broken == 1 else "are"
            self.watch.say(f"{event.phase}: {found} changed by hand or broken and {again} run again")
            return
        line = ""
        if event.result is not None:
            line = f"{event.done}/{event.total} {event.phase} {event.arm}: {_outcome(event.result)}"
        self.watch.at(event.done, f"{event.phase}: {event.arm}", total=event.total, line=line)


def _outcome(result: dict[str, Any]) -> str:
    """What came of one trial, in a few words."""
    if result.get("reason"):
        return f"{result['status']}: {result['reason']}"
    words = {"test": "test {:.4g}", "valid": "validation {:.4g}", "step_latency_us": "{:.0f} µs a step"}
    told = next((words[name].format(result[name]) for name in words if result.get(name) is not None), "done")
    return f"{told} in {result['seconds']:.1f} s"
