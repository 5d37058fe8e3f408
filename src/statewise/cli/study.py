"""``statewise compare`` with the name of a study: several comparisons, one table, one page."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from statewise.api.comparing import run_study
from statewise.api.reporting import STUDY_PAGE
from statewise.cli import verbs
from statewise.cli.console import console
from statewise.cli.trials import Trials
from statewise.compare.study import Part, Study
from statewise.errors import UserError

TAKEN = ("task", "seeds", "trials", "workers", "device", "out", "quick", "json")
"""What may be said of a study; all else is the study's own"""


def run(verb: verbs.Compare, study: Study, command: str) -> None:
    """Run the comparisons of a study, print what came of its hypotheses, write its page."""
    study = as_asked(study, verb)
    folder = Path(verb.out or f"comparisons/{study.name}{'-quick' if verb.quick else ''}")
    page = folder / STUDY_PAGE
    try:
        with Trials() as trials:
            result = run_study(
                study, folder, command=command, on_part=partial(_begin, trials, study), on_event=trials.show
            )
    except KeyboardInterrupt:
        if page.exists():
            print(f"report of what is finished: {page}")
        raise
    print_study(result)
    print(f"report: {page}")
    if verb.json:
        print(json.dumps({"report": str(page), "statements": result["statements"]}))


def print_study(result: dict[str, Any]) -> None:
    """Every hypothesis and statement with its verdict and what it rests on."""
    table = Table(box=SIMPLE_HEAD)
    for head in ("comparison", "hypothesis", "verdict", "it rests on"):
        table.add_column(head)
    for part in result["comparisons"]:
        for said in part["hypotheses"]:
            table.add_row(*_cells(part["name"], said))
    table.add_section()
    for said in result["statements"]:
        table.add_row(*_cells("together", said), style="bold")
    console().print(table)


def _cells(comparison: str, said: dict[str, Any]) -> tuple[str, ...]:
    late = " (said after the results)" if said["said"] == "after" else ""
    return tuple(escape(text) for text in (comparison, said["statement"] + late, said["verdict"], said["evidence"]))


def as_asked(study: Study, verb: verbs.Compare) -> Study:
    """The study with what the flags say of all its comparisons."""
    usual = verbs.Compare()
    if owned := [name for name in vars(verb) if name not in TAKEN and getattr(verb, name) != getattr(usual, name)]:
        raise UserError(
            f"the study {study.name} says {', '.join(owned)} itself; leave --{owned[0].replace('_', '-')} out, or "
            "compare on a task"
        )
    study = study.quick() if verb.quick else study
    study = study.with_all(verbs.given(verb, "seeds", "trials", "workers"))
    if verb.device is None:
        return study
    parts = [
        replace(p, config=replace(p.config, train=replace(p.config.train, device=verb.device))) for p in study.parts
    ]
    return replace(study, parts=tuple(parts))


def _begin(trials: Trials, study: Study, part: Part) -> None:
    number = study.parts.index(part) + 1
    if number == 1:
        print(study.question, flush=True)
    trials.begin()
    trials.watch.of = f" of {part.name}"
    trials.watch.say(f"{number}/{len(study.parts)} {part.name}: {part.asks}")
