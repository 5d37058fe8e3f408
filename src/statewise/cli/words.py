"""From the words of a command to its verb. What a flag takes is what the annotation of its field says."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, fields
from types import UnionType
from typing import Any, ClassVar, Literal, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from statewise.errors import UserError, unknown
from statewise.models.config import ModelConfig
from statewise.train.config import TrainConfig

NUMBERS: dict[type, str] = {int: "a whole number", float: "a number"}
FIELDS = {field.name for config in (TrainConfig, ModelConfig) for field in fields(config)}
"""What ``--set`` may set beside the options of layers"""


class Verb(Protocol):
    """A dataclass with a field for each flag; the first is said without one, after the verb."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Kind = TypeVar("Kind", bound=Verb)


@dataclass(frozen=True)
class Flag:
    """One flag: its name on the command line, the field it fills, and what it takes."""

    said: str
    field: str
    takes: Any
    """A type; a tuple of choices; True or False where it takes no word and stands for that; ``...`` = several words"""

    def value(self, words: Sequence[str]) -> Any:
        """The value of its field."""
        if self.takes is ...:
            return tuple(words)
        (word,) = words
        if isinstance(self.takes, tuple):
            if word not in self.takes:
                raise UserError(f"{self.said} takes {' or '.join(self.takes)}, got '{word}'")
            return word
        try:
            return self.takes(word)
        except ValueError:
            raise UserError(f"{self.said} takes {NUMBERS[self.takes]}, got '{word}'") from None


def read_words(verb: type[Kind], words: Sequence[str]) -> Kind:
    """The verb with what ``words`` say of it.

    Raises:
        UserError: if a word is none of its flags, a flag lacks its value or cannot take it, or something is said twice.
    """
    return verb(**_Reader(verb, words).read())


def flags_of(verb: type[Verb]) -> dict[str, Flag]:
    """What a verb's flags are, by how they are said."""
    hints = get_type_hints(verb)
    return {flag.said: flag for field in fields(verb)[1:] for flag in _flags(field, hints[field.name])}


class _Reader:
    """Goes through the words of one command."""

    def __init__(self, verb: type[Verb], words: Sequence[str]) -> None:
        self.name = f"statewise {verb.__name__.lower()}"
        self.place = fields(verb)[0]
        self.flags = flags_of(verb)
        self.rest = deque(words)
        self.given: dict[str, Any] = {}
        self.last: Flag | None = None

    def read(self) -> dict[str, Any]:
        """Field -> its value, of those that are said."""
        while self.rest:
            word = self.rest.popleft()
            if _is_flag(word):
                self._take_flag(word)
            else:
                self._take_place(word)
        if self.place.name not in self.given and self.place.default is MISSING:
            place = self.place.name.upper()
            since = f", as {self.last.said} takes all words after it" if self.last and self.last.takes is ... else ""
            raise UserError(
                f"{place} is missing; say it right after the verb, as in {self.name} {place}{since} ({self.name} "
                "--help says what it may be)"
            )
        return self.given

    def _take_place(self, word: str) -> None:
        """The word that stands without a flag."""
        if self.place.name in self.given:
            name, taken = self.place.name.upper(), self.given[self.place.name]
            raise UserError(f"'{word}' belongs to no flag, and {name} is '{taken}' already; {self._room()}")
        if not word and self.place.default != "":
            raise UserError(f"{self.place.name.upper()} is empty; say what it is right after the verb")
        self.given[self.place.name] = word

    def _room(self) -> str:
        """What may have been meant by a word too many."""
        if self.last is None or isinstance(self.last.takes, bool):
            return "put quotes around a name with blanks, or leave it out"
        if self.last.takes is str:
            return f"{self.last.said} takes one word: separate several by commas, put quotes around one with blanks"
        return f"{self.last.said} takes one word"

    def _take_flag(self, word: str) -> None:
        said, equals, attached = word.partition("=")
        flag = self.flags.get(said.replace("_", "-"))
        if flag is None:
            raise self._unknown(said)
        if flag.field in self.given and flag.takes is not ...:
            raise UserError(f"{flag.said} is said twice; say it once")
        self.last = flag
        if isinstance(flag.takes, bool):
            if equals:
                raise UserError(f"{flag.said} takes no value, got '{attached}'; leave that out")
            self.given[flag.field] = flag.takes
            return
        values = [attached] if equals else []
        while self.rest and not _is_flag(self.rest[0]) and (flag.takes is ... or not values):
            values.append(self.rest.popleft())
        if not values:
            raise UserError(f"{flag.said} lacks its value; say it right after the flag, or as {flag.said}=VALUE")
        value = flag.value(values)
        self.given[flag.field] = (*self.given.get(flag.field, ()), *value) if flag.takes is ... else value

    def _unknown(self, said: str) -> UserError:
        field = said.lstrip("-").replace("-", "_")
        if "--set" in self.flags and field in FIELDS:
            return UserError(f"{self.name} has no flag {said}; say --set {field}=VALUE")
        error = unknown("flag", said, self.flags)
        return UserError(f"{error}; {self.name} --help tells of each")


def _flags(field: Field[Any], hint: Any) -> list[Flag]:
    """The flags of a field: one, or where it is true unless said otherwise, two."""
    name = field.name.replace("_", "-")
    if hint is bool:
        denied = [Flag(f"--no-{name}", field.name, False)] if field.default else []
        return [Flag(f"--{name}", field.name, True), *denied]
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
    if get_origin(hint) is tuple:
        return [Flag(f"--{name}", field.name, ...)]
    return [Flag(f"--{name}", field.name, get_args(hint) if get_origin(hint) is Literal else hint)]


def _is_flag(word: str) -> bool:
    """Whether a word begins as a flag does; a negative number or a dash alone is a value."""
    return re.match("--?[A-Za-z]", word) is not None
