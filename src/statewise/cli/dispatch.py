"""From the words of a command to the verb that does it, and from errors to sentences and exit codes."""

import importlib
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from statewise.cli import verbs
from statewise.cli.parsing import check_said_once
from statewise.errors import UserError
from statewise.threads import use_one_thread

WRONG_INPUT = 2
INTERRUPTED = 130

DOES = {
    verbs.Compare: "statewise.cli.compare",
    verbs.Train: "statewise.cli.train",
    verbs.Evaluate: "statewise.cli.use",
    verbs.Generate: "statewise.cli.use",
    verbs.Forecast: "statewise.cli.use",
    verbs.Models: "statewise.cli.listing",
    verbs.Tasks: "statewise.cli.listing",
    verbs.Bench: "statewise.cli.bench",
    verbs.Report: "statewise.cli.report",
}
"""Verb -> the module whose ``run`` does it."""


def run(words: Sequence[str]) -> int:
    """Do what ``words`` say; returns the exit code: 0, 2 for what the person can put right, 130 after Ctrl-C."""
    verb = parse(words)
    use_one_thread()
    sys.path.insert(0, os.getcwd())
    command = shlex.join(["statewise", *words])
    try:
        check_said_once(words)
        importlib.import_module(DOES[type(verb)]).run(verb, command)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UserError as error:
        print(f"statewise: {error}", file=sys.stderr)
        return WRONG_INPUT
    except OSError as error:
        print(
            f"statewise: {error.filename or 'a file'}: {error.strerror or error}; mend that and try again",
            file=sys.stderr,
        )
        return WRONG_INPUT
    except KeyboardInterrupt:
        print(f"\nstatewise: stopped; what was finished is kept. Go on with: {command}", file=sys.stderr)
        return INTERRUPTED
    return 0


def parse(words: Sequence[str]) -> Any:
    """The verb that ``words`` say, with its flags."""
    known: dict[str, Callable[..., Any]] = {verb.__name__.lower(): verb for verb in DOES}
    if words and words[0] in known:
        return tyro.cli(
            known[words[0]], prog=f"statewise {words[0]}", args=list(words[1:]), config=(tyro.conf.OmitArgPrefixes,)
        )
    return tyro.extras.subcommand_cli_from_dict(
        known,
        prog="statewise",
        description="Build, train and fairly compare sequence models that carry state.",
        args=list(words) or ["--help"],
        config=(tyro.conf.OmitArgPrefixes,),
    )
