"""Re-export names from submodules without importing them until they are used."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazy(package: str, exports: Mapping[str, str]) -> Callable[[str], Any]:
    """A module-level ``__getattr__`` for ``package`` that finds each exported name in its submodule.

    ``exports`` maps a public name to the submodule that defines it; a name that equals its submodule is the submodule
    itself. Importing torch costs seconds, so packages that the command line touches use this.
    """

    def find(name: str) -> Any:
        if name not in exports:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(f"{package}.{exports[name]}")
        return module if name == exports[name] else getattr(module, name)

    return find
