"""From a template to a file that stands whole or not at all."""

from pathlib import Path
from typing import Any

from statewise.report import formats


def render(template: str, values: dict[str, Any]) -> str:
    """Fill a template of this room; everything is escaped unless it is a figure."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("statewise.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters.update(
        count=formats.count, number=formats.number, compact=formats.compact, size=formats.size, percent=formats.percent
    )
    return environment.get_template(template).render(values)


def write(page: str, path: Path) -> Path:
    """Write a page atomically and return its path."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(page, encoding="utf-8")
    fresh.replace(path)
    return path
