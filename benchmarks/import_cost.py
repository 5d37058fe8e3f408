"""What importing costs beyond torch, and how soon ``--help`` answers: ``python benchmarks/import_cost.py``.

Every command is a fresh process, timed by the processor time it took, which a busy machine stretches least; the
commands of a round run one after another, and differences are taken within a round. Python keeps what it compiled in a
folder of the benchmark's own, as it does beside an installed package, whatever ``PYTHONDONTWRITEBYTECODE`` says.
``import statewise`` is lazy: the line that counts is the one that reaches for every verb.
"""

import argparse
import importlib.util
import os
import resource
import statistics
import subprocess
import sys
import tempfile

TORCH = "import torch"
LAZY = "import torch, statewise"
VERBS = "import torch, statewise; [getattr(statewise, name) for name in statewise.__all__]"
HELP = "from statewise.cli import main; import sys; sys.argv[1:] = ['--help']; main()"
IMPORT_GOAL = 0.3
HELP_GOAL = 0.5


def seconds(code: str, compiled: str) -> float:
    """Processor time that a fresh interpreter takes for ``code``, with what was compiled before in a folder."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print medians; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description="What importing statewise costs")
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    assert importlib.util.find_spec("statewise"), "install statewise, or put src on PYTHONPATH"
    with tempfile.TemporaryDirectory() as compiled:
        for code in (TORCH, VERBS, HELP):
            seconds(code, compiled)  # files into the system's cache
        times = [{code: seconds(code, compiled) for code in (TORCH, LAZY, VERBS, HELP)} for _ in range(rounds)]
    found = {
        "import torch": (statistics.median(t[TORCH] for t in times), None),
        "import statewise, beyond torch": (statistics.median(t[LAZY] - t[TORCH] for t in times), IMPORT_GOAL),
        "and every verb, beyond torch": (statistics.median(t[VERBS] - t[TORCH] for t in times), IMPORT_GOAL),
        "statewise --help": (statistics.median(t[HELP] for t in times), HELP_GOAL),
    }
    for name, (median, goal) in found.items():
        verdict = "" if goal is None else f"  at most {goal} s: {'yes' if median <= goal else 'NO'}"
        print(f"{name:32}{median:7.3f} s{verdict}")
    return int(any(goal is not None and median > goal for median, goal in found.values()))


if __name__ == "__main__":
    sys.exit(main())
