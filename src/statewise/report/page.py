"""From a template to a page."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from statewise.report import formats
from statewise.report.figures.style import PALETTE


def render(template: str, values: dict[str, Any]) -> str:
    """Fill a template of this room. Everything is escaped except what is marked as safe: the figures."""
    environment = Environment(
        loader=PackageLoader("statewise.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "allow_nan": False}
    names = ("count", "number", "compact", "size", "duration", "percent", "setting", "told", "sentence")
    environment.filters |= {name: getattr(formats, name) for name in names}
    environment.globals |= {"palette": PALETTE, "missing": formats.MISSING}
    return environment.get_template(template).render(values)
