"""A pool of persistent spawned processes that survives the death of any of them."""

import contextlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, NamedTuple

from statewise.compare.builders import Builders
from statewise.compare.trial import TrialSpec, run_trial
from statewise.errors import UserError
from statewise.threads import use_one_thread

UNGUARDED = 77
"""Exit code of a worker that, on importing the script, was about to begin the comparison anew"""


class Done(NamedTuple):
    """A finished trial: its place among the specs and its result, or why there is none."""

    place: int
    result: dict[str, Any]


class _Worker:
    """One process and the trial it is at."""

    def __init__(self, builders: Builders) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, builders), daemon=True)
        with _interrupts_held_back():
            self.process.start()
        theirs.close()
        self.busy_with: int | None = None

    def give(self, index: int, spec: TrialSpec) -> None:
        self.busy_with = index
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send(spec)

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join()


def run_all(
    specs: Sequence[TrialSpec], builders: Builders, *, workers: int, fresh: bool = False, started: Callable[[int], None]
) -> Iterator[Done]:
    """Run every spec, yielding results as they come; a crash is one failed trial and the rest go on.

    Args:
        specs: what to run.
        builders: builders.
        workers: processes, one thread each.
        fresh: whether every spec gets a process of its own, so that one's memory does not count for another.
        started: called with a spec's index when it begins.

    Raises:
        UserError: if the script that was started begins a comparison on being imported, as workers import it.
    """
    waiting = list(range(len(specs)))[::-1]
    pool: list[_Worker] = []
    use_one_thread()
    try:
        while waiting or any(worker.busy_with is not None for worker in pool):
            while waiting and len([w for w in pool if w.busy_with is not None]) < workers:
                idle = next((w for w in pool if w.busy_with is None), None)
                if idle is None:
                    idle = _Worker(builders)
                    pool.append(idle)
                index = waiting.pop()
                started(index)
                idle.give(index, specs[index])
            for worker in _ready(pool):
                assert worker.busy_with is not None
                done = Done(worker.busy_with, _receive(worker))
                worker.busy_with = None
                if fresh or not worker.process.is_alive():
                    worker.stop()
                    pool.remove(worker)
                yield done
    finally:
        for worker in pool:
            worker.stop()


def refuse_unguarded() -> None:
    """End this process if it is a worker that is only importing the script that started it."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(UNGUARDED)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Ctrl-C waits until a process is started; the process is born deaf to it, as stopping workers is its parent's."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ready(pool: list[_Worker]) -> list[_Worker]:
    """Busy workers that have answered or died."""
    busy = [worker for worker in pool if worker.busy_with is not None]
    signals: dict[Any, _Worker] = {}
    for worker in busy:
        signals[worker.pipe] = worker
        signals[worker.process.sentinel] = worker
    return list({id(signals[signal]): signals[signal] for signal in wait(list(signals))}.values())


def _receive(worker: _Worker) -> dict[str, Any]:
    try:
        if worker.pipe.poll(0.1):
            return worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join(5)
    worker.process.join(5)
    code = worker.process.exitcode
    if code == UNGUARDED:
        raise UserError(
            "worker processes import the script that starts a comparison, and yours begins it on import; put the call "
            'under: if __name__ == "__main__":'
        )
    reason = f"its process died with exit code {code}" + (" (killed: out of memory?)" if code == -9 else "")
    return {"status": "failed", "reason": reason}


def _serve(pipe: Connection, builders: Builders) -> None:
    """A worker's life: trials in, results out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            spec = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            result = run_trial(spec, builders)
        except UserError as error:
            result = {"status": "failed", "reason": str(error)}
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(last.filename)}:{last.lineno}"
            result = {"status": "failed", "reason": f"{type(error).__name__}: {error} (at {where})"}
        pipe.send(result)


def _end_with_parent() -> None:
    """End this process when its parent does, however that was killed, so that no trial goes on unwatched."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
