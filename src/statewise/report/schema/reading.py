"""Plain data as the page that it should be."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Scalar = str | int | float | bool | None

Page = TypeVar("Page", bound=BaseModel)


def read(page: type[Page], data: dict[str, Any]) -> Page:
    """``data`` as ``page``; raises ``ValueError`` with one sentence that names the first field that is wrong."""
    try:
        return page.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ValueError(
            f"not a {page.__name__.lower()} that can be drawn: {field}: {first['msg'].lower()}; "
            "give the result as it was written"
        ) from None
