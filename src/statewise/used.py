"""Which fields of a config count, given the others: what is said and not used would mislead whoever said it.

A config declares ``COUNTS_WITH``, field -> ``Needs``: the field counts where another has one of some values, and that
other field counts. All other fields always do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Protocol, TypeVar

from statewise.errors import UserError


@dataclass(frozen=True)
class Needs:
    """Another field, and the values with which it makes a field count; none named = any but its default."""

    field: str
    values: tuple[str, ...] = ()


class Config(Protocol):
    """A dataclass that says which of its fields count when."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    COUNTS_WITH: ClassVar[Mapping[str, Needs]]


Kind = TypeVar("Kind", bound=Config)


def idle_fields(config: Config) -> dict[str, Needs]:
    """What differs from its default and has no effect -> what it would need.

    >>> from statewise.train.config import TrainConfig
    >>> list(idle_fields(TrainConfig(momentum=0.5, optimizer="sgd", readout="ridge")))
    ['optimizer', 'momentum']
    """
    said = (field for field in fields(config) if field.name in config.COUNTS_WITH and not _is_default(config, field))
    unmet = {field.name: _unmet(config, field.name) for field in said}
    return {name: needs for name, needs in unmet.items() if needs is not None}


def without_idle(config: Kind) -> Kind:
    """The same config, all that has no effect at its default."""
    idle = idle_fields(config)
    return replace(config, **{field.name: field.default for field in fields(config) if field.name in idle})


def refuse_idle(config: Config) -> None:
    """Raise a ``UserError`` that names the first field that was set and has no effect."""
    for name, needs in idle_fields(config).items():
        mend = f"say {needs.field}={' or '.join(needs.values)}" if needs.values else f"set {needs.field} too"
        raise UserError(f"{name} {why_idle(config, needs)}; leave it out, or {mend}")


def why_idle(config: Config, needs: Needs) -> str:
    """In words, why a field is idle: the value of the one that it depends on."""
    value = getattr(config, needs.field)
    told = f"{value:g}" if isinstance(value, float) else value
    return f"has no effect with {needs.field}={told}"


def _is_default(config: Config, field: Any) -> bool:
    return bool(getattr(config, field.name) == field.default)


def _unmet(config: Config, name: str) -> Needs | None:
    """What keeps a field from counting, the one furthest up; ``None`` if it counts."""
    if name not in config.COUNTS_WITH:
        return None
    needs = config.COUNTS_WITH[name]
    (other,) = (field for field in fields(config) if field.name == needs.field)
    met = getattr(config, needs.field) in needs.values if needs.values else not _is_default(config, other)
    return _unmet(config, needs.field) or (None if met else needs)
