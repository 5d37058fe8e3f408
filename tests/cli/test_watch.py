"""Progress: plain lines where there is no terminal, each thing once, with a time left that is plausible."""

import io
import itertools
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from statewise.cli import train, watch
from statewise.cli.dispatch import run
from statewise.cli.watch import StopAsked, Watch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
    return now


def test_a_plain_line_comes_where_ten_seconds_brought_no_other(clock: list[float], capsys: pytest.CaptureFixture[str]):
    with Watch("updates", total=100) as seen:
        for step in range(1, 101):
            clock[0] += 1.0
            if step == 15:
                seen.say("step 15: something")
            seen.at(step, "loss 1")
    lines = capsys.readouterr().err.splitlines()
    assert [int(re.findall(r"\d+", line)[0]) for line in lines] == [11, 15, 26, 37, 48, 59, 70, 81, 92]
    assert lines[0] == "updates: 11/100 loss 1 about 89 s left"


def test_time_left_counts_from_what_was_done_before(clock: list[float]):
    seen = Watch("trials", total=20)
    seen.begin(10)
    assert seen.left() == "time left unknown"
    clock[0] = 50.0
    seen.at(15)
    assert seen.left() == "about 50 s left"
    clock[0] = 900.0
    seen.at(16)
    assert seen.left() == "about 10 min left"


def test_time_left_is_unknown_until_every_kind_of_work_was_done_once(clock: list[float]):
    seen = Watch("measurements", total=30)
    clock[0] = 100.0
    seen.begin(0, unlike=3)
    for done in (1, 2):
        clock[0] += 1.0
        seen.at(done)
        assert seen.left() == "time left unknown"
    clock[0] += 7.0
    seen.at(3)
    assert seen.left() == "about 81 s left"


def test_a_line_with_progress_is_said_once(clock: list[float], capsys: pytest.CaptureFixture[str]):
    with Watch("trials", total=2) as seen:
        clock[0] = 30.0
        seen.at(1, "tuning: lstm", line="1/2 tuning lstm: done")
    assert capsys.readouterr().err == "1/2 tuning lstm: done; about 30 s left\n"


def test_on_a_terminal_there_is_a_bar(tmp_path: Path):
    words = ["train", "parity", "--width", "4", "--depth", "1", "--steps", "3", "--out", str(tmp_path / "run")]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "statewise", *words], stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    said = "".join(iter(lambda: read(ours), ""))
    os.close(ours)
    assert process.wait() == 0, said
    assert "━" in said
    assert "3/3" in said
    assert "step 3: training loss" in said


def read(terminal: int) -> str:
    """What has been written there; nothing where it was closed."""
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError:
        return ""


def test_a_resumed_training_is_timed_from_where_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    words = ["train", "parity", "--width", "4", "--depth", "1", "--steps", "6", "--out", str(tmp_path)]
    began: list[int] = []
    begin = Watch.begin
    monkeypatch.setattr(Watch, "begin", lambda self, done: (began.append(done), begin(self, done)))
    asked = itertools.count()
    monkeypatch.setattr(train, "StopAsked", lambda: nullcontext(lambda: next(asked) == 3))
    assert [run(words), run(words)] == [130, 0]
    assert began == [1, 4]


def test_the_first_update_tells_nothing_of_the_pace(
    clock: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told: list[str] = []
    at = Watch.at

    def slow(seen: Watch, step: int, note: str) -> None:
        at(seen, step, note)
        told.append(seen.left())
        clock[0] += 2.0

    monkeypatch.setattr(Watch, "at", slow)
    assert run(["train", "parity", "--width", "4", "--depth", "1", "--steps", "4", "--out", str(tmp_path)]) == 0
    assert told == ["time left unknown", "about 4 s left", "about 2 s left", "about 0 s left"]


class Written(io.StringIO):
    """A stream that is interrupted in the middle of every line, and does not let anybody in then, as buffers do not."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = False

    def write(self, text: str) -> int:
        if self.busy:
            raise RuntimeError("reentrant call")
        self.busy = True
        signal.raise_signal(signal.SIGINT)
        self.busy = False
        return super().write(text)


def test_ctrl_c_may_come_while_a_line_is_written(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    stream = Written()
    with StopAsked() as asked:
        monkeypatch.setattr(sys, "stderr", stream)
        stream.write("step 20")
        monkeypatch.undo()
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert stream.getvalue() == "step 20"
    assert "press Ctrl-C again" in capfd.readouterr().err
