"""The main job in a few minutes, offline: which model for a memory task, which for real text? Ends with two reports.

Six families on one memory task; four models, beside n-grams, on the English that every Python carries.
"""

import sys

from statewise.cli.dispatch import run

MEMORY = (
    "compare delayed-recall --models lstm,mamba,attention,tcn,echo-state,ntm --budget 20k --steps 300 --trials 1 "
    "--seeds 3 --set learning_rate=0.01 --task-options delay=6 shortest=20 longest=20 --out comparisons/demo-memory"
)
TEXT = (
    "compare embedded --models lstm,gru,min-gru,attention --budget 50k --steps 1000 --trials 1 --seeds 3 "
    "--set learning_rate=0.01 --task-options most_scored=20000 --out comparisons/demo-text"
)


def main() -> int:
    """Run both comparisons; the exit code of the first that fails."""
    for words in (MEMORY, TEXT):
        print(f"\n$ statewise {words}\n", flush=True)
        code = run(words.split())
        if code:
            return code
    print("\nOpen the two report.html files in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
