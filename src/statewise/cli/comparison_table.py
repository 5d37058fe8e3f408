"""A comparison's result on the terminal: the arms, the recommendation and what it rests on."""

import math
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from statewise.cli.console import console
from statewise.compare.result import BUSY_MARK

HEADS = ("model", "score", "95 % interval", "solved", "parameters", "fixed", "state bytes", "step µs", "tokens/s")


def print_result(result: dict[str, Any]) -> None:
    """The table of arms, the recommendation and what came of the hypotheses."""
    primary, recommendation = result["task"]["primary"], result["recommendation"]
    better = "lower" if primary["lower_is_better"] else "higher"
    screen = console()
    title = f"{result['title']}: {primary['name']} ({primary['unit']}), {better} is better"
    screen.print(title, style="italic", highlight=False)
    screen.print(_table(result))
    screen.print(recommendation["headline"], style="bold", highlight=False)
    for sentence in recommendation["rests_on"]:
        screen.print(f"  {sentence}", highlight=False, markup=False)
    for hypothesis in result["hypotheses"]:
        told = "{statement}: {verdict}. {evidence}".format_map(hypothesis)
        late = ", said after the results," if hypothesis["said"] == "after" else ""
        screen.print(f"Hypothesis{late} {told}", highlight=False, markup=False)


def _table(result: dict[str, Any]) -> Table:
    """One row an arm and a baseline, best first; a column that says nothing of any is left out."""
    rows = [(arm["score"] and arm["score"]["mean"], _row(arm), arm["companion"]) for arm in result["arms"]]
    rows += [
        (b["score"], [b["name"], f"{b['score']:.4g}", *[""] * (len(HEADS) - 2)], True) for b in result["baselines"]
    ]
    sign = 1 if result["task"]["primary"]["lower_is_better"] else -1
    rows.sort(key=lambda row: math.inf if row[0] is None else sign * row[0])
    told = [place for place in range(len(HEADS)) if any(cells[place] for _, cells, _ in rows)]
    table = Table()
    for place in told:
        table.add_column(HEADS[place], justify="right" if place else "left", no_wrap=not place)
    for _, cells, beside in rows:
        table.add_row(*_only(cells, told), style="dim" if beside else None)
    return table


def _only(cells: Sequence[str], places: Sequence[int]) -> list[str]:
    return [cells[place] for place in places]


def _row(arm: dict[str, Any]) -> list[str]:
    score, solved, cost = arm["score"], arm["solved"], arm["cost"]
    parameters, mark = cost["parameters"], BUSY_MARK if cost["busy"] else ""
    return [
        arm["label"] + (" (companion)" if arm["companion"] else ""),
        f"{score['mean']:.4g}" if score else arm["status"],
        f"{score['low']:.4g} to {score['high']:.4g}" if score and score["low"] is not None else "",
        f"{solved['fraction']:.0%}" if solved else "",
        f"{parameters['body']:,}",
        f"{parameters['fixed']:,}" if parameters["fixed"] else "",
        f"{cost['state_bytes']:,}",
        f"{cost['step_latency_us']:.0f}{mark}" if cost["step_latency_us"] else "",
        f"{cost['tokens_per_second']:,.0f}{mark}" if cost["tokens_per_second"] else "",
    ]
