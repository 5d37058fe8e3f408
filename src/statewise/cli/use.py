"""``statewise evaluate``, ``generate`` and ``forecast``: what a finished run is for."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rich.table import Table

from statewise.cli import verbs
from statewise.cli.console import console
from statewise.data.vocabulary import Vocabulary
from statewise.errors import listed
from statewise.generation.generate import generate, read_vocabulary
from statewise.generation.sampling import Sampling
from statewise.runs.folder import load_run
from statewise.runs.forecast_page import write_forecast
from statewise.runs.forecasting import SeveralNextRows, forecast_each, forecast_next, is_of_one_series
from statewise.runs.intervals import Intervals
from statewise.runs.rows_ahead import When
from statewise.runs.training import score_run
from statewise.train.convergence import Convergence

MOST_SERIES = 20
"""Series whose scores are printed"""


def run(verb: verbs.Evaluate | verbs.Generate | verbs.Forecast, command: str) -> None:
    """Do the verb."""
    if isinstance(verb, verbs.Evaluate):
        _evaluate(verb)
    elif isinstance(verb, verbs.Generate):
        _generate(verb)
    else:
        _forecast(verb, command)


def print_scores(result: Mapping[str, Any]) -> None:
    """Scores on validation and test beside chance and the baselines'."""
    chance = {} if result["chance"] is None else {"chance": {result["primary"]: result["chance"]}}
    references = {**chance, **result["baselines"]}
    columns = {"validation": result["valid"], "test": result["test"]}
    thinned = result.get("thinned")
    if thinned is not None:
        columns[f"test, mean of {thinned['samples']} thinned"] = thinned["test"]
    table = Table("score", *columns, *references)
    for name in result["test"]:
        told = (
            f"{metrics[name]:.4g}" if name in metrics else "" for metrics in (*columns.values(), *references.values())
        )
        table.add_row(name, *told)
    console().print(table)
    if "interval" in result:
        _print_held(result["interval"])
    if "series" in result:
        _print_series(result["series"], result["primary"], result["lower_is_better"])
    solved = Convergence(**result["solver"]) if "solver" in result else None
    if solved is not None and solved.unsolved:
        print(f"note: {solved}")


def _print_held(interval: Mapping[str, Any]) -> None:
    """What share of the test part intervals hold, and how they are made."""
    level, held = (100 * interval[name] for name in ("level", "held"))
    made = "Monte Carlo dropout" if interval["samples"] else "split conformal prediction"
    print(f"intervals that are to hold {level:g} % of what comes hold {held:.1f} % of the test part ({made})")
    pooled = interval["pooled"]
    if pooled:
        print(f"they are made of the errors of all series where a series has too few of its own: {listed(pooled)}")


def _print_series(series: Mapping[str, Any], primary: str, lower_is_better: bool) -> None:
    """The primary score of each series beside its baselines', the worst first; of many, those alone."""
    worst = sorted(series.items(), key=lambda one: one[1]["test"][primary], reverse=lower_is_better)[:MOST_SERIES]
    baselines = list(dict.fromkeys(name for _, scores in worst for name in scores["baselines"]))
    title = f"{primary} on test by series, the worst first"
    table = Table(
        "series",
        "test",
        *baselines,
        title=title if len(worst) == len(series) else f"{title}: {len(worst)} of {len(series)}",
    )
    for name, scores in worst:
        told = [scores["test"], *(scores["baselines"][baseline] for baseline in baselines)]
        table.add_row(name, *(f"{metrics[primary]:.4g}" for metrics in told))
    console().print(table)


def _evaluate(verb: verbs.Evaluate) -> None:
    result = score_run(Path(verb.run), _intervals(verb))
    print_scores(result)
    if verb.json:
        print(json.dumps(result))


def _generate(verb: verbs.Generate) -> None:
    sampling = Sampling(**verbs.given(verb, *(field.name for field in fields(Sampling))))
    loaded = load_run(verb.run)
    vocabulary = read_vocabulary(loaded.preprocessing, loaded.config.task)
    _warn_of_foreign(vocabulary, verb.prompt)
    pieces = generate(loaded.model, vocabulary, prompt=verb.prompt, sampling=sampling)
    said = []
    sys.stdout.write(verb.prompt)
    for piece in pieces:
        said.append(piece)
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")
    if verb.json:
        print(json.dumps({"prompt": verb.prompt, "text": "".join(said)}))


def _warn_of_foreign(vocabulary: Vocabulary, prompt: str) -> None:
    """Say on stderr how much of a prompt the training text never held."""
    foreign = int((vocabulary.encode(prompt) == vocabulary.unknown).sum()) if vocabulary.unknown is not None else 0
    if foreign:
        print(f"note: {foreign} of the prompt's {vocabulary.kind} are not in the training text", file=sys.stderr)


def _intervals(verb: verbs.Evaluate | verbs.Forecast) -> Intervals | None:
    """How intervals are found, where a flag asks for them."""
    said = verbs.given(verb, "samples", "interval", "seed")
    if not said:
        return None
    return Intervals(**{"level" if name == "interval" else name: value for name, value in said.items()})


def _forecast(verb: verbs.Forecast, command: str) -> None:
    loaded = load_run(verb.run)
    intervals = _intervals(verb)
    when = When(verb.every, tuple(time.strip() for time in verb.at.split(",") if time.strip()))
    if verb.series or is_of_one_series(loaded):
        found = SeveralNextRows({verb.series: forecast_next(loaded, verb.data, intervals, when, verb.series)})
    else:
        found = forecast_each(loaded, verb.data, intervals, when)
    _print_rows(found)
    used = next(iter(found.series.values())).intervals
    if used is not None:
        print(_about_intervals(used))
    print(f"report: {write_forecast(verb.run, found, command=command)}")
    if verb.json:
        print(json.dumps(asdict(found.series.get("", found))))


def _about_intervals(used: Intervals) -> str:
    """Which of the two kinds they are, and what they are made of."""
    share = f"{100 * used.level:g} %"
    if used.samples:
        return (
            f"lower and upper: {share} of what {used.samples} models with units dropped out say, each with the errors "
            "made on the validation part of its series (Monte Carlo dropout)"
        )
    return (
        "lower and upper: what the model says plus errors made on the validation part of its series, those that have "
        f"{share} between them (split conformal prediction)"
    )


def _print_rows(found: SeveralNextRows) -> None:
    """A table of all rows of all series, and on stderr what a person should know of them."""
    notes = [*found.notes, *(note for rows in found.series.values() for note in rows.notes)]
    for note in dict.fromkeys(notes):
        print(f"note: {note}", file=sys.stderr)
    named = "" not in found.series
    table = None
    for name, rows in found.series.items():
        columns = {}
        for target, values in rows.values.items():
            columns[target] = values
            if rows.lower:
                columns |= {f"{target} lower": rows.lower[target], f"{target} upper": rows.upper[target]}
        table = table or Table(*(["series"] if named else []), "row", *columns)
        for time, *numbers in zip(rows.times, *columns.values(), strict=True):
            table.add_row(*([name] if named else []), time, *(f"{number:.6g}" for number in numbers))
    if table is not None:
        console().print(table)
