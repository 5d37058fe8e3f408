"""What code a trial's scores rest on, as a hash: an edited layer must not get yesterday's scores."""

import ast
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import statewise

ROOT = Path(statewise.__file__).parent
RUN = ("compare/trial.py", "workbench.py")
"""Where a trial begins, and what makes its task and model; all that these import, however far down, is hashed"""


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
def trial_files() -> tuple[Path, ...]:
    """The files of this package that a trial runs through.

    They are found by their import statements alone, so that nobody has to remember to name a new one.
    """
    found, waiting = set[Path](), [ROOT / name for name in RUN]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            packages = [folder / "__init__.py" for folder in path.parents if folder.is_relative_to(ROOT)]
            waiting += [*packages, *_imported(path)]
    return tuple(sorted(found))


def _imported(path: Path) -> Iterator[Path]:
    """The files of this package that a file imports; of a name that a package gives away, all files of the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == ROOT.name:
            module = ROOT.parent.joinpath(*node.module.split("."))
            if not module.is_dir():
                yield module.with_suffix(".py")
                continue
            for name in (alias.name for alias in node.names):
                if (module / f"{name}.py").exists():
                    yield module / f"{name}.py"
                elif module != ROOT:
                    yield from module.rglob("*.py")


@cache
def _package_hash() -> str:
    found = hashlib.sha256(version("statewise").encode())
    for path in trial_files():
        found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()
