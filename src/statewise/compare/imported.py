"""Which files a module runs through, found by import statements alone: so that nobody has to name a new one."""

import ast
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

INSTALLED = {"site-packages", "dist-packages"}
"""Folders of packages that were installed and not written here"""

Home = Callable[[str], Path | None]
"""Top level name of a module -> the folder it lies in, or None where it is not followed"""


def imported_files(starts: Iterable[Path], home: Home) -> set[Path]:
    """Python files that run when ``starts`` do: these, what they import, and so on, with the packages around them.

    Of a name that a package gives away lazily, by ``__getattr__``, all files of the package count. What is
    imported by a computed name is not seen, nor what is not written in Python.

    Args:
        starts: Python files.
        home: says which modules are followed.
    """
    found, waiting = set[Path](), list(starts)
    while waiting:
        path = waiting.pop()
        if path not in found and path.is_file():
            found.add(path)
            waiting += [*_packages_around(path), *_imported(path, home)]
    return found


def local_home(top: str) -> Path | None:
    """The folder of a module that somebody wrote beside their own; None where it is Python's, installed or missing."""
    if top in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    package = list(spec.submodule_search_locations or ())
    place = package[0] if package else spec.origin
    return Path(place).parent if place and not INSTALLED & set(Path(place).parts) else None


def _packages_around(path: Path) -> Iterator[Path]:
    """The ``__init__.py`` of every package that a file lies in."""
    for folder in path.parents:
        if not (folder / "__init__.py").exists():
            return
        yield folder / "__init__.py"


def _imported(path: Path, home: Home) -> Iterator[Path]:
    """The files that the import statements of a file lead to."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except SyntaxError:
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = alias.name.split(".")
                folder = home(module[0])
                if folder is not None:
                    yield from _files(folder.joinpath(*module), ())
        elif isinstance(node, ast.ImportFrom):
            module = node.module.split(".") if node.module else []
            folder = path.parents[node.level - 1] if node.level else home(module[0])
            if folder is not None:
                yield from _files(folder.joinpath(*module), [alias.name for alias in node.names])


def _files(module: Path, names: Iterable[str]) -> Iterator[Path]:
    """The file of a module, or of a package that of each name taken from it."""
    if not module.is_dir():
        yield module.with_suffix(".py")
        return
    package = module / "__init__.py"
    yield package
    lazy = package.exists() and "__getattr__" in package.read_text(encoding="utf-8")
    for name in names:
        if (module / name).is_dir():
            yield module / name / "__init__.py"
        elif (module / f"{name}.py").exists():
            yield module / f"{name}.py"
        elif lazy:
            yield from module.rglob("*.py")
