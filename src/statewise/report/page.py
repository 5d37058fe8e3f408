"""From a template to a file that stands whole or not at all."""

import os
import tempfile
from pathlib import Path
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
    names = ("count", "number", "compact", "size", "duration", "percent", "setting", "told")
    environment.filters |= {name: getattr(formats, name) for name in names}
    environment.globals |= {"palette": PALETTE, "missing": formats.MISSING}
    return environment.get_template(template).render(values)


def write(page: str, path: Path) -> Path:
    """Write a page atomically, making its folder where needed, and return its path.

    Raises:
        OSError: if the folder cannot be written or the disk is full; a page that stood there stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(page)
        os.chmod(fresh, 0o644)
        os.replace(fresh, path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
    return path
