"""The trials of a comparison as they go, told to a person who watches."""

from typing import Any

from statewise.cli.watch import Watch
from statewise.compare.experiment import Event


def show(watch: Watch, event: Event) -> None:
    """Tell what happened in a comparison."""
    if event.what == "kept":
        watch.say(f"{event.phase}: {event.kept} finished before, taken from the folder")
        return
    if event.what == "broken":
        found = "1 trial was" if event.broken == 1 else f"{event.broken} trials were"
        again = "is" if event.broken == 1 else "are"
        watch.say(f"{event.phase}: {found} changed by hand or broken and {again} run again")
        return
    if event.what == "started" and not watch.begun:
        watch.begin(event.done)
    line = ""
    if event.result is not None and not event.before:
        line = f"{event.done}/{event.total} {event.phase} {event.arm}: {_outcome(event.result)}"
    watch.at(event.done, f"{event.phase}: {event.arm}", total=event.total, line=line)


def _outcome(result: dict[str, Any]) -> str:
    """What came of one trial, in a few words."""
    if result.get("reason"):
        return f"{result['status']}: {result['reason']}"
    words = {"test": "test {:.4g}", "valid": "validation {:.4g}", "step_latency_us": "{:.0f} µs a step"}
    told = next((words[name].format(result[name]) for name in words if result.get(name) is not None), "done")
    return f"{told} in {result['seconds']:.1f} s"
