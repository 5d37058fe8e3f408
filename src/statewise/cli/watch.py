"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

PAUSE = 10.0
"""Seconds between two plain lines"""
STDERR = 2
"""Its descriptor"""


class Watch:
    """Shows how far some work is. Use it as a context manager.

    On a terminal a bar with time left, from the first time that something is done; elsewhere a line where ten seconds
    brought no other.

    Args:
        what: is done.
        total: how many pieces of it there are.
        estimate: how many seconds the rest takes, ``None`` where that is not known; else the pace so far tells.
    """

    def __init__(self, what: str, total: int, *, estimate: Callable[[], float | None] | None = None) -> None:
        self.what = what
        self.of = ""
        """What the time left is of, where that is not all"""
        self.total = total
        self.estimate = estimate or self._at_the_pace_so_far
        self.console = Console(stderr=True)
        self.done = self.done_before = 0
        self.unlike = 1
        self.begun = False
        self.began = self.last_line = time.monotonic()
        self.bar: Progress | None = None
        if self.console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self.bar = Progress(*columns, TextColumn("{task.fields[left]}"), console=self.console)
            self.task = self.bar.add_task(what, total=total, left=self.left())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()

    def begin(self, done: int, *, unlike: int = 1) -> None:
        """Say that new work begins now, with so much done before.

        Args:
            done: before.
            unlike: how many pieces of work differ before they come again; less tells nothing of the pace.
        """
        self.done = self.done_before = done
        self.unlike = unlike
        self.begun = True
        self.began = time.monotonic()
        if self.bar:
            self.bar.reset(self.task, completed=done)

    def left(self) -> str:
        """How long the rest will take.

        >>> watch = Watch("updates", total=10)
        >>> watch.left()
        'time left unknown'
        """
        seconds = self.estimate()
        if seconds is None:
            return "time left unknown"
        told = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
        return f"about {told} left{self.of}"

    def _at_the_pace_so_far(self) -> float | None:
        if self.done < self.done_before + self.unlike:
            return None
        pace = (time.monotonic() - self.began) / (self.done - self.done_before)
        return pace * (self.total - self.done)

    def at(self, done: int, note: str = "", *, total: int | None = None, line: str = "") -> None:
        """Say how much is done, and with it a ``line`` that stays where there is one to say."""
        self.done, self.total = done, total or self.total
        if self.bar:
            self.bar.start()
            told = f"{self.what} {note}"
            self.bar.update(self.task, completed=done, total=self.total, description=told, left=self.left())
        if line:
            self.say(f"{line}; {self.left()}")
        elif not self.bar and time.monotonic() - self.last_line > PAUSE:
            self.say(f"{self.what}: {done}/{self.total} {note} {self.left()}")

    def say(self, line: str) -> None:
        """A line that stays."""
        if self.bar:
            self.bar.console.print(line, highlight=False, markup=False)
        else:
            self.last_line = time.monotonic()
            print(line, file=sys.stderr, flush=True)


class StopAsked:
    """Whether Ctrl-C was pressed; a second one interrupts at once. Use it as a context manager."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Callable[[], bool]:
        import signal

        def note(number: int, frame: object) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True
            # it may come while a line is being written, when the buffer of stderr cannot be entered again
            os.write(STDERR, b"\nstopping after this step; press Ctrl-C again to stop at once\n")

        self.before = signal.signal(signal.SIGINT, note)
        return lambda: self.asked

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import signal

        signal.signal(signal.SIGINT, self.before)
