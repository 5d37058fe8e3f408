"""Of which sources a loop's machine code is made, so that what is kept of it is made anew when one of them changes.

By itself numba looks at the loop's own file alone. What is plugged into a loop, and the constants in it, stand in the
files that this one imports, and in those of the kinds of gates or cells among its arguments.
"""

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

OPERATIONS = __name__.rsplit(".", 2)[0]
"""The package whose modules are looked into; what others do is not plugged into loops"""


def keep_with_sources(loop: Any, module: str) -> None:
    """Let what is kept of this loop, defined in this module, be looked up by its sources as well.

    Where numba keeps things otherwise than it did, its own rule stays.
    """
    kept: Any = getattr(loop, "_cache", None)
    if not hasattr(kept, "_index_key"):
        return
    by_numba, by_its_index = kept._index_key, kept.load_overload

    def index_key(signature: Any, codegen: Any) -> tuple[Any, ...]:
        kinds = {kind for argument in getattr(signature, "args", signature) for kind in _kinds(argument)}
        return (*by_numba(signature, codegen), stamp(frozenset({module, *kinds})))

    def load_overload(signature: Any, context: Any) -> Any:
        try:
            return by_its_index(signature, context)
        except (ImportError, AttributeError):  # it names kinds that an earlier version had
            kept.flush()
            return None

    kept._index_key, kept.load_overload = index_key, load_overload


@cache
def stamp(modules: frozenset[str]) -> str:
    """A hash of the sources of these modules and of all operations that they import."""
    files = {file for module in modules for file in sources(module)}
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()


def sources(module: str) -> set[Path]:
    """The files of a module and of all operations that it imports, and they import."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _file(name)
        if name not in found and file is not None:
            found[name] = file
            waiting += _imports(file)
    return set(found.values())


def _kinds(argument: Any) -> Iterator[str]:
    """The modules of the named tuples that an argument's type holds."""
    if hasattr(argument, "instance_class"):
        yield argument.instance_class.__module__
    for part in getattr(argument, "types", ()):
        yield from _kinds(part)


def _file(module: str) -> Path | None:
    if module.startswith(OPERATIONS + "."):
        inside = module.removeprefix(OPERATIONS + ".").split(".")
        file = Path(__file__).parents[1].joinpath(*inside).with_suffix(".py")
    else:
        file = Path(getattr(sys.modules.get(module), "__file__", None) or "")
    return file if file.is_file() else None


@cache
def _imports(file: Path) -> tuple[str, ...]:
    """All that a file may import of the operations when it is itself imported."""
    names = []
    for statement in ast.parse(file.read_bytes()).body:
        if isinstance(statement, ast.Import):
            names += [name.name for name in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            names += [statement.module, *(f"{statement.module}.{name.name}" for name in statement.names)]
    return tuple(name for name in names if name.startswith(OPERATIONS + "."))
