"""How long the rest of a comparison will take, from how long its trials took so far."""

import statistics
import time
from collections import Counter, defaultdict

from statewise.compare.experiment import Event, Planned


class TimeLeft:
    """An estimate from the trials that are finished; None as long as they tell nothing.

    The first trial of an arm in every worker process also compiles and loads what later ones find ready, so those are
    left out where there are later ones. An arm of which none is finished takes as long as others take for as many
    operations. Workers run side by side, measuring is done alone. What was finished before takes no time, once that is
    known.
    """

    def __init__(self) -> None:
        self.workers = 1
        self.planned: Counter[Planned] = Counter()
        self.running: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self.took: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self.ahead: Counter[tuple[str, str]] = Counter()

    def note(self, event: Event) -> None:
        """Take in what happened in the comparison."""
        self.workers = event.workers or self.workers
        self.planned.update(event.planned)
        kind = (event.phase, event.arm)
        if event.what == "started":
            self.running[kind].append(time.monotonic())
        elif event.before and self.ahead[kind]:
            self.ahead[kind] -= 1
        elif event.what in ("finished", "ahead") and event.result is not None:
            self.ahead[kind] += event.what == "ahead"
            if event.what == "finished" and self.running[kind] and not event.before:
                self.running[kind].pop(0)
            finished = event.result.get("status", "ok") == "ok"  # what measures says none
            self.took[kind].append(event.result["seconds"] if finished else 0.0)

    def seconds(self) -> float | None:
        """How long the rest will take, in seconds."""
        if not any(self._usual(phase, arm) for phase, arm in self.took):
            return None
        alone = {True: 0.0, False: 0.0}
        for work, times in self.planned.items():
            alone[work.phase == "measuring"] += self._rest(work, times)
        return alone[True] + alone[False] / self.workers

    def _rest(self, work: Planned, times: int) -> float:
        """Of all trials of one kind that are not finished, one after the other."""
        kind = (work.phase, work.arm)
        each = self._expected(work)
        since = (time.monotonic() - began for began in self.running[kind])
        return each * max(0, times - len(self.took[kind])) - sum(min(each, waited) for waited in since)

    def _expected(self, work: Planned) -> float:
        """Of one trial."""
        own = self._usual(work.phase, work.arm)
        if own:
            return own
        pace = self._pace({work.arm}) or self._pace({other.arm for other in self.planned})
        return pace * work.operations

    def _pace(self, arms: set[str]) -> float:
        """Seconds an operation, over the kinds of trials of these arms of which enough is known; 0 of none."""
        known = [(self._usual(work.phase, work.arm), work.operations) for work in self.planned if work.arm in arms]
        known = [(seconds, operations) for seconds, operations in known if seconds]
        return sum(seconds for seconds, _ in known) / max(1, sum(operations for _, operations in known))

    def _usual(self, phase: str, arm: str) -> float:
        """How long a trial takes that finds everything ready; 0 where that is not known."""
        planned = sum(times for work, times in self.planned.items() if (work.phase, work.arm) == (phase, arm))
        took = self.took[phase, arm]
        later = took[self.workers :] if planned > self.workers else took
        finished = [seconds for seconds in later if seconds]
        return statistics.median(finished) if finished else 0.0
