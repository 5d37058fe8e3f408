"""Import paths, ``package.module:Name``: how a config names a layer or task of a person's own."""

import importlib
import sys
from typing import Any

from statewise.errors import UserError, unknown


def import_object(path: str) -> Any:
    """What ``package.module:Name`` names.

    Raises:
        UserError: if the module cannot be imported or has no such name.

    >>> import_object("fractions:Fraction")
    <class 'fractions.Fraction'>
    """
    module_name, _, name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise UserError(
            f"cannot import '{module_name}' for {path}: {error}; run statewise in the folder of {module_name}.py, or "
            "put that folder on PYTHONPATH"
        ) from error
    except Exception as error:
        raise UserError(f"{module_name} does not import: {type(error).__name__}: {error}; mend it first") from error
    if not hasattr(module, name):
        raise unknown(f"name in {module_name}", name, [known for known in vars(module) if known[0] != "_"])
    return getattr(module, name)


def import_path(kind: type) -> str:
    """The import path of a layer or task of one's own, as configs name it.

    Raises:
        UserError: if worker processes could not import it: it was defined in a notebook or inside a function.

    >>> from statewise.layers.recurrent.gru import GRU
    >>> import_path(GRU)
    'statewise.layers.recurrent.gru:GRU'
    """
    notebook = kind.__module__ == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
    if notebook or "<locals>" in kind.__qualname__:
        raise UserError(
            f"worker processes cannot import {kind.__qualname__} from a notebook or a function; put it into a file of "
            "its own, at the top level"
        )
    return f"{kind.__module__}:{kind.__qualname__}"
