"""The file of a finished trial: its result and a checksum of that, so that figures changed by hand are not believed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from statewise.storage import write_text


def write_trial(path: Path, result: Mapping[str, Any]) -> None:
    """Keep the result of a finished trial.

    Raises:
        UserError: if it cannot be written.
    """
    write_text(path, json.dumps({"checksum": _checksum(path, result), "result": result}))


def read_trial(path: Path) -> dict[str, Any] | None:
    """The result in a trial's file; None where there is no file, or it is not what ``write_trial`` left there."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    match found:
        case {"checksum": str(checksum), "result": dict(result)} if checksum == _checksum(path, result):
            return result
    return None


def _checksum(path: Path, result: Mapping[str, Any]) -> str:
    """Hash of a result and of the trial it is of, whose address is the name of the file."""
    return hashlib.sha256(f"{path.stem} {json.dumps(result)}".encode()).hexdigest()
