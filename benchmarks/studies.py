"""What studies found, as a page: ``python benchmarks/studies.py FOLDER ...``.

Each folder is one that ``statewise compare STUDY`` made, finished or not. Its result goes to
``docs/studies/<name>.json``, and ``docs/studies.md`` is made from all that lie there.
"""

import argparse
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from page_table import table

PAGE = Path(__file__).parent.parent / "docs" / "studies.md"
RESULTS = PAGE.parent / "studies"
HEAD = """# What the studies found

Made by `python benchmarks/studies.py FOLDER ...` from the folders of `statewise compare STUDY`. Hypotheses and
statements were written down before anything was run; each is judged by itself, at 95 %, so of many some come out wrong
by luck. Scores are means over seeds on the test part, with 95 % intervals; solved is the share of seeds that reached
the task's threshold; trainings are those of tuning and seeds.
"""


def main(folders: list[Path]) -> None:
    """Keep the results of these folders, then write the page."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        result = json.loads((folder / "result.json").read_text())
        name = json.loads((folder / "config.json").read_text())["study"]
        (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    found = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    PAGE.write_text("\n".join([HEAD, *(line for result in found for line in study(result))]))
    print(PAGE)


def study(result: dict[str, Any]) -> Iterator[str]:
    """The lines about one study."""
    yield f"## {result['title']}\n"
    yield f"{result['question']} (`{result['command']}`, {result['created'][:10]})\n"
    if result["missing"]:
        yield f"Not run to the end yet: {', '.join(part['name'] for part in result['missing'])}."
        yield f"Not judged without that: {'; '.join(result['unjudged']) or 'nothing'}.\n"
    if result["statements"]:
        yield from table_of(("statement", "verdict", "it rests on"), map(judged, result["statements"]))
    for part in result["comparisons"]:
        yield from comparison(part)


def comparison(part: dict[str, Any]) -> Iterator[str]:
    """The lines about one comparison."""
    primary = part["task"]["primary"]
    better = "lower" if primary["lower_is_better"] else "higher"
    yield f"### {part['name']}: {part['asks']}\n"
    yield f"{part['task']['description']}. {part['recommendation']['headline']}\n"
    sign = 1 if primary["lower_is_better"] else -1

    def place(arm: dict[str, Any]) -> float:
        return math.inf if arm["score"] is None else sign * arm["score"]["mean"]

    heads = (
        "arm",
        f"{primary['name']} ({better} is better)",
        "95 % interval",
        "solved",
        "trainings",
        "broke off",
    )
    yield from table_of(heads, map(arm_cells, sorted(part["arms"], key=place)))
    if part["hypotheses"]:
        yield from table_of(("hypothesis", "verdict", "it rests on"), map(judged, part["hypotheses"]))


def arm_cells(arm: dict[str, Any]) -> list[str]:
    """One row of a comparison's table."""
    score, solved = arm["score"], arm["solved"]
    return [
        arm["label"],
        f"{score['mean']:.4g}" if score else arm["reason"] or "no score",
        f"{score['low']:.4g} to {score['high']:.4g}" if score and score["low"] is not None else "",
        f"{solved['fraction']:.0%}" if solved else "",
        str(arm["trainings"]),
        str(arm["spent"]["failed"]),
    ]


def judged(said: dict[str, Any]) -> list[str]:
    """A hypothesis or statement, its verdict and what that rests on."""
    late = " (said after the results)" if said["said"] == "after" else ""
    return [said["statement"] + late, said["verdict"], said["evidence"]]


def table_of(heads: Sequence[str], rows: Iterable[list[str]]) -> Iterator[str]:
    """A table, and a blank line."""
    yield from table(heads, rows)
    yield ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="of studies; none writes the page anew from what is kept")
    main(parser.parse_args().folders)
