"""Options, the arguments of a constructor as plain data: what each may be, and whether a value is that."""

import inspect
from typing import Any, get_args, get_type_hints

from statewise.errors import UserError


def option_types(kind: type) -> dict[str, Any]:
    """Arguments of a constructor -> their types; anything where none is written down.

    Raises:
        UserError: if a type names what its module does not have when it runs.

    >>> from statewise.train.config import TrainConfig
    >>> option_types(TrainConfig)["steps"]
    <class 'int'>
    """
    try:
        types = get_type_hints(kind.__init__)  # type: ignore[misc]
    except NameError as error:
        raise UserError(
            f"the types of {kind.__name__}'s options cannot be read: {error}; import it outside 'if TYPE_CHECKING'"
        ) from error
    return {name: types.get(name, Any) for name in inspect.signature(kind).parameters}


def fitting(what: str, value: Any, kind: Any) -> Any:
    """The value as a type asks for; text that was read as a number becomes text again.

    Args:
        what: the value is said for, as a person reads it.
        value: plain data.
        kind: any type; one that nothing can be held to lets every value pass.

    Raises:
        UserError: if it is not of that type; the sentence lists the values where they are few.

    >>> fitting("target", 2024, str), fitting("ratios", [1, 2], tuple[float, ...])
    ('2024', (1.0, 2.0))
    """
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    settings = ConfigDict(arbitrary_types_allowed=True, coerce_numbers_to_str=True)
    try:
        return TypeAdapter(kind, config=settings).validate_python(value)
    except PydanticUserError:
        return value
    except ValidationError as error:
        wanted = error.errors()[0]["msg"].removeprefix("Input should be ")
        wanted += ", as in [1,2,4]" if error.errors()[0]["type"] in ("tuple_type", "list_type") else ""
        nothing = ", or null" if type(None) in get_args(kind) else ""
        raise UserError(f"{what} cannot be {value!r}; it must be {wanted}{nothing}") from error


def check_at_least(name: str, value: float, least: float) -> None:
    """Raise a ``UserError`` unless an option is no smaller than it may be.

    >>> check_at_least("delay", -1, 0)
    Traceback (most recent call last):
    statewise.errors.UserError: delay must be at least 0, got -1
    """
    if value < least:
        raise UserError(f"{name} must be at least {least}, got {value}")
