"""What code a trial's scores rest on, as a hash: an edited layer must not get yesterday's scores."""

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import statewise
from statewise.compare.imported import imported_files, local_home
from statewise.installed import version

ROOT = Path(statewise.__file__).parent
RUN = ("compare/trial.py", "workbench.py")
"""Where a trial begins, and what makes its task and model; all that these import, however far down, is hashed"""


def source_hash(names: Iterable[str]) -> str:
    """Hash of this package's version and code, and of the modules that ``names`` point into.

    With a module of one's own goes what it imports of one's own, however far down; what is Python's or was installed
    is not looked at.

    Args:
        names: of models and tasks; those of one's own are ``package.module:Class``.

    >>> source_hash(["lstm", "recall"]) == source_hash([]) != source_hash(["fractions:Fraction"])
    True
    """
    found = hashlib.sha256(_package_hash().encode())
    modules = sorted({name.partition(":")[0] for name in names if ":" in name})
    starts = [path for module in modules if (path := _file_of(module))]
    contents = ((path.name, path.read_bytes()) for path in imported_files(starts, _own_home))
    for name, content in sorted(contents):
        found.update(name.encode() + content)
    return found.hexdigest()[:20]


@cache
def trial_files() -> tuple[Path, ...]:
    """The files of this package that a trial runs through."""
    starts = (ROOT / name for name in RUN)
    return tuple(sorted(imported_files(starts, lambda top: ROOT.parent if top == ROOT.name else None)))


def _own_home(top: str) -> Path | None:
    """As ``local_home``; this package, which is hashed anyway, is nobody's own."""
    return None if top == ROOT.name else local_home(top)


def _file_of(module: str) -> Path | None:
    """The file of a module; None where it has none."""
    loaded = sys.modules.get(module)
    spec = None if loaded else importlib.util.find_spec(module)
    place = getattr(loaded, "__file__", None) or (spec and spec.origin)
    return Path(place) if place else None


@cache
def _package_hash() -> str:
    found = hashlib.sha256(version("statewise").encode())
    for path in trial_files():
        found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()
