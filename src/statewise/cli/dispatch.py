"""From the words of a command to the verb that does it, and from errors to sentences and exit codes."""

import importlib
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from statewise.cli import verbs
from statewise.cli.words import read_words
from statewise.errors import UserError, unknown
from statewise.threads import use_one_thread

WRONG_INPUT = 2
INTERRUPTED = 130
HELP = ("-h", "--help")
VERSION = "--version"

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
    command = shlex.join(["statewise", *words])
    try:
        verb = parse(words)
        use_one_thread()
        sys.path.insert(0, os.getcwd())
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
    """The verb that ``words`` say, with its flags; help and version, where they ask for one, end the process.

    Raises:
        UserError: if they say no verb, or the verb cannot be told so.
    """
    known: dict[str, type[Any]] = {verb.__name__.lower(): verb for verb in DOES}
    if not words or words[0] in HELP:
        from statewise.cli.help import show_verbs

        show_verbs(known, "Build, train and fairly compare sequence models that carry state.")
        raise SystemExit
    if words[0] == VERSION:
        from statewise.installed import version

        print(f"statewise {version('statewise') or '(not installed, run from its folder)'}")
        raise SystemExit
    name, *rest = words
    if name not in known:
        raise UserError(f"{unknown('verb', name, known)}; statewise --help tells of each")
    if any(word in HELP for word in rest):
        from statewise.cli.help import show_flags

        show_flags(name, known[name])
        raise SystemExit
    return read_words(known[name], rest)
