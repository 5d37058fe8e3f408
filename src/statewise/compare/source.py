"""What code a trial's scores rest on, as a hash: an edited layer must not get yesterday's scores."""

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import statewise

DECIDING = (
    "catalog.py", "combine", "compare/measure.py", "compare/trained_on.py", "compare/trial.py", "contract",
    "cost/timing.py", "data", "init", "layers", "metrics/scores.py", "models", "ops", "tasks", "train", "tree.py",
)  # fmt: skip
"""What of this package decides a score or a measurement"""


def source_hash(names: Iterable[str]) -> str:
    """Hash of this package's version and code, and of every module that ``names`` point into.

    Of a module ``package.module`` the file is hashed, not what it imports: keep what belongs together in one file.

    Args:
        names: of models and tasks; those of one's own are ``package.module:Class``.

    >>> source_hash(["lstm", "recall"]) == source_hash([]) != source_hash(["fractions:Fraction"])
    True
    """
    found = hashlib.sha256(_package_hash().encode())
    for module in sorted({name.partition(":")[0] for name in names if ":" in name}):
        spec = importlib.util.find_spec(module)
        if spec is not None and spec.origin:
            found.update(module.encode() + Path(spec.origin).read_bytes())
    return found.hexdigest()[:20]


def version(package: str) -> str:
    """The installed version of a package; empty where it runs from a folder."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


@cache
def _package_hash() -> str:
    root = Path(statewise.__file__).parent
    found = hashlib.sha256(version("statewise").encode())
    for part in DECIDING:
        for path in sorted((root / part).rglob("*.py")) or [root / part]:
            found.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return found.hexdigest()
