"""What a study is, as plain data: several comparisons that answer one question, and statements over them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from statewise.compare.config import CompareConfig
from statewise.errors import UserError


@dataclass(frozen=True)
class Part:
    """One comparison of a study."""

    name: str
    """Also that of its folder"""
    asks: str
    """What it is to tell, in a few words"""
    config: CompareConfig
    quick: Mapping[str, Any] = field(default_factory=dict)
    """Field of the config -> its value in a taste of a minute or so"""


@dataclass(frozen=True)
class Together:
    """Holds where every one of these hypotheses holds; refuted where one is."""

    says: str
    hypotheses: Mapping[str, tuple[str, ...]]
    """Name of a comparison -> those of its hypotheses that are meant"""


@dataclass(frozen=True)
class SettingsOverCells:
    """Scores vary more over the settings that tuning tried than over the arms, each at its best setting."""

    says: str
    comparisons: tuple[str, ...]
    """In every one of which it has to be so"""


@dataclass(frozen=True)
class FailsMore:
    """A larger fraction of the trainings of some arms fails than of others: seeds, and trials within the range.

    Failed is what broke off and, of a task that is either solved or not, also what did not solve it.
    """

    says: str
    comparison: str
    more: tuple[str, ...]
    """Arms, by their labels"""
    fewer: tuple[str, ...]


Statement = Together | SettingsOverCells | FailsMore


@dataclass(frozen=True)
class Study:
    """Comparisons that answer one question together."""

    name: str
    question: str
    parts: tuple[Part, ...]
    statements: tuple[Statement, ...] = ()

    def __post_init__(self) -> None:
        names = [part.name for part in self.parts]
        if not names or len(set(names)) < len(names):
            raise UserError(f"a study needs comparisons of different names, got {', '.join(names) or 'none'}")
        said = {part.name: part.config.hypotheses for part in self.parts}
        for statement in self.statements:
            for name in comparisons_of(statement):
                if name not in said:
                    raise UserError(f"the statement '{statement.says}' names no comparison '{name}'")
            for name, meant in statement.hypotheses.items() if isinstance(statement, Together) else ():
                if unsaid := set(meant) - set(said[name]):
                    raise UserError(f"{sorted(unsaid)[0]!r} is no hypothesis of the comparison {name}")

    def quick(self) -> "Study":
        """A taste of it: every comparison with its quick values."""
        return replace(self, parts=tuple(replace(p, config=replace(p.config, **p.quick)) for p in self.parts))

    def with_all(self, fields: Mapping[str, Any]) -> "Study":
        """With these fields of every comparison's config set."""
        return replace(self, parts=tuple(replace(p, config=replace(p.config, **fields)) for p in self.parts))


def comparisons_of(statement: Statement) -> tuple[str, ...]:
    """The names of the comparisons that a statement is about."""
    if isinstance(statement, Together):
        return tuple(statement.hypotheses)
    return statement.comparisons if isinstance(statement, SettingsOverCells) else (statement.comparison,)
