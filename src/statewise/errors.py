"""Errors that are meant for people: one sentence that names the cause and the mend."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

Choice = TypeVar("Choice", bound=str)

MOST_TOLD = 12
"""Names that an error lists; of more, only the nearest"""


class UserError(ValueError):
    """Something the person who runs statewise can put right.

    The message is one sentence that says what is wrong and what to do about it. The command line prints it without a
    traceback and exits with code 2.
    """


def unknown(kind: str, name: str, choices: Iterable[str]) -> UserError:
    """An error for a name that is not among ``choices``, suggesting the nearest one.

    >>> unknown("model", "ltsm", ["gru", "lstm"])
    UserError("unknown model 'ltsm'; did you mean 'lstm'? (known: gru, lstm)")
    >>> unknown("model", "EchoStateNetwork", ["echo-state", "lstm"])
    UserError("unknown model 'EchoStateNetwork'; did you mean 'echo-state'? (known: echo-state, lstm)")
    """
    known = sorted(choices)
    near = _nearest(name, known)
    suggestion = f"did you mean '{near}'?" if near else "choose another."
    told = f"known: {', '.join(known)}"
    if len(known) > MOST_TOLD:
        alike = sorted(known, key=lambda choice: (choice != near, -_likeness(name, choice)))[:MOST_TOLD]
        told = f"nearest of {len(known)} known: {', '.join(alike)}"
    return UserError(f"unknown {kind} '{name}'; {suggestion} ({told})")


def _likeness(name: str, choice: str) -> float:
    return difflib.SequenceMatcher(None, _letters(name), _letters(choice)).ratio()


def _nearest(name: str, known: list[str]) -> str | None:
    """The choice that was likely meant: part of the name or the name part of it, or spelled nearly so."""
    said = _letters(name)
    letters = {_letters(choice): choice for choice in reversed(known)}
    parts = [choice for choice in letters if said and choice and (said in choice or choice in said)]
    near = difflib.get_close_matches(said, parts or letters, n=1, cutoff=0.0 if parts else 0.5)
    return letters[near[0]] if near else None


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def counted(number: int, what: str, ending: str = "s") -> str:
    """A number of things, one or many.

    >>> counted(1, "gap"), counted(2, "gap"), counted(1200, "row"), counted(2, "batch", "es")
    ('1 gap', '2 gaps', '1,200 rows', '2 batches')
    """
    return f"{number:,} {what}{'' if number == 1 else ending}"


def listed(names: Sequence[str]) -> str:
    """Names for a person to read, of many the first.

    >>> listed([f"shop {number}" for number in range(100)]).removeprefix("shop 0, shop 1, ")
    'shop 2, shop 3, shop 4, shop 5, shop 6, shop 7, shop 8, shop 9, shop 10, shop 11 and 88 more'
    """
    told = ", ".join(names[:MOST_TOLD])
    return told if len(names) <= MOST_TOLD else f"{told} and {len(names) - MOST_TOLD} more"


def choose(name: str, value: Choice, allowed: Iterable[str]) -> Choice:
    """``value``, which must be one of those allowed for the argument ``name``.

    Raises:
        UserError: if it is none of them, suggesting the nearest.

    >>> choose("activation", "relu", ("relu", "gelu"))
    'relu'
    """
    known = tuple(allowed)
    if value not in known:
        raise unknown(name, str(value), known)
    return value


def check_choices(config: object) -> None:
    """Hold a config to its annotations: every field that is a ``Literal`` must be one of its values.

    Raises:
        UserError: at the first that is none of them.
    """
    for name, kind in get_type_hints(type(config)).items():
        if get_origin(kind) is Literal:
            choose(name, getattr(config, name), get_args(kind))
