"""The time left of a comparison against a clock that tests set: trials of known length on workers side by side."""

import pytest

from statewise.cli import time_left, watch
from statewise.cli.time_left import TimeLeft
from statewise.cli.trials import Trials
from statewise.compare.experiment import Event, Planned

COMPILING = 20.0
"""Seconds that the first trial of an arm takes in every process on top"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(time_left.time, "monotonic", lambda: now[0])
    return now


def simulate(
    clock: list[float], seen: TimeLeft, arms: dict[str, float], trials: int, workers: int
) -> list[list[float]]:
    """Run trials of so many seconds an arm; what is told to be left and what is, whenever one is finished."""
    planned = [Planned("seeds", arm, int(1000 * seconds)) for arm, seconds in arms.items() for _ in range(trials)]
    seen.note(Event("planned", "", "", 0, len(planned), planned=tuple(planned), workers=workers))
    waiting, running, told, met = list(planned), [], [], set()
    while waiting or running:
        while waiting and len(running) < workers:
            work = waiting.pop(0)
            worker = min(set(range(workers)) - {its for _, its, _, _ in running})
            seconds = arms[work.arm] + (COMPILING if (worker, work.arm) not in met else 0.0)
            met.add((worker, work.arm))
            running.append((clock[0] + seconds, worker, work, seconds))
            seen.note(Event("started", work.phase, work.arm, 0, len(planned)))
        first = min(running)
        running.remove(first)
        clock[0] = first[0]
        result = {"status": "ok", "seconds": first[3]}
        seen.note(Event("finished", first[2].phase, first[2].arm, 0, len(planned), result))
        told.append([seen.seconds(), clock[0]])
    return [[left, clock[0] - at] for left, at in told]


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("arms", [{"lstm": 100.0}, {"lstm": 60.0, "gru": 240.0, "rnn": 120.0}])
def test_the_time_left_is_near_what_is_left(clock: list[float], workers: int, arms: dict[str, float]):
    told = simulate(clock, TimeLeft(), arms, trials=5, workers=workers)
    assert [left for left, _ in told[:workers]] == [None] * workers
    known = told[workers:]
    assert all(left == pytest.approx(there, rel=0.3, abs=60.0) for left, there in known[:-1])
    assert known[-1] == [0.0, 0.0]


def test_a_first_trial_alone_tells_nothing_and_where_all_are_first_they_tell_all(clock: list[float]):
    told = simulate(clock, TimeLeft(), {"lstm": 100.0, "gru": 100.0}, trials=1, workers=1)
    assert told[0] == pytest.approx([120.0, 120.0])
    assert simulate(clock, TimeLeft(), {"lstm": 100.0}, trials=2, workers=1)[0][0] is None


def test_measuring_is_done_alone_and_takes_as_its_operations_say(clock: list[float]):
    seen = TimeLeft()
    planned = (*[Planned("seeds", "lstm", 1000)] * 2, Planned("measuring", "lstm", 100))
    seen.note(Event("planned", "", "", 0, 3, planned=planned, workers=2))
    for what in ("started", "started", "finished"):
        seen.note(Event(what, "seeds", "lstm", 0, 3, {"status": "ok", "seconds": 50.0}))
    clock[0] = 20.0
    assert seen.seconds() == (50.0 - 20.0) / 2 + 5.0
    seen.note(Event("finished", "seeds", "lstm", 0, 3, {"status": "ok", "seconds": 50.0}))
    seen.note(Event("started", "measuring", "lstm", 0, 3))
    assert seen.seconds() == 5.0
    seen.note(Event("finished", "measuring", "lstm", 0, 3, {"step_latency_us": 3.0, "busy": True, "seconds": 4.0}))
    assert seen.seconds() == 0.0


def test_trials_from_the_folder_tell_of_the_pace_and_failed_ones_do_not(clock: list[float]):
    seen = TimeLeft()
    seen.note(Event("planned", "", "", 0, 4, planned=(Planned("seeds", "gru", 10),) * 4, workers=1))
    for status, seconds, before in (("ok", 90.0, True), ("failed", None, False), ("ok", 30.0, True)):
        result = {"status": status, "seconds": seconds} if seconds else {"status": status}
        seen.note(Event("finished", "seeds", "gru", 0, 4, result, before))
    assert seen.seconds() == 30.0


def test_on_resuming_the_first_time_left_is_told_once_all_kept_trials_are_read(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
):
    told = []
    with Trials() as trials:
        monkeypatch.setattr(trials.watch, "at", lambda done, *_, **__: told.append((done, trials.time_left.seconds())))
        trials.show(Event("planned", "", "", 0, 9, planned=(Planned("seeds", "gru", 10),) * 9, workers=1))
        for done in range(1, 7):
            result = {"status": "ok", "seconds": 30.0}
            trials.show(Event("finished", "seeds", "gru", done, 9, result, before=True))
        trials.show(Event("kept", "seeds", "", 6, 9, kept=6))
        trials.show(Event("started", "seeds", "gru", 6, 9))
    assert told == [(6, 90.0), (6, 90.0)]


def test_seeds_that_are_known_to_be_finished_take_no_time_though_they_are_read_later(clock: list[float]):
    seen, done = TimeLeft(), {"status": "ok", "seconds": 30.0}
    planned = (*[Planned("tuning", "gru", 10)] * 3, *[Planned("seeds", "lstm", 10)] * 2)
    seen.note(Event("planned", "", "", 0, 5, planned=planned, workers=1))
    for _ in range(2):
        seen.note(Event("ahead", "seeds", "lstm", 0, 5, done))
    assert seen.seconds() == 90.0
    for _ in range(3):
        seen.note(Event("finished", "tuning", "gru", 0, 5, done))
    for _ in range(2):
        seen.note(Event("finished", "seeds", "lstm", 0, 5, done, before=True))
        assert seen.seconds() == 0.0


def test_a_study_tells_which_comparison_its_time_left_is_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(watch.time, "monotonic", lambda: 0.0)
    with Trials() as trials:
        trials.watch.of = " of short"
        trials.show(Event("planned", "", "", 0, 2, planned=(Planned("seeds", "gru", 10),) * 2, workers=2))
        for what in ("started", "started", "finished"):
            result = {"status": "ok", "seconds": 50.0, "test": 0.5} if what == "finished" else None
            trials.show(Event(what, "seeds", "gru", 1, 2, result))
    assert capsys.readouterr().err == "1/2 seeds gru: test 0.5 in 50.0 s; about 25 s left of short\n"
