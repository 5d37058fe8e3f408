"""Files that stand whole or not at all, and the sentence where one cannot be written or read."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

from statewise.errors import UserError

UNFINISHED = ".new"
"""Ending of what is being written, and of what a killed process leaves of it"""
NOTHING: Mapping[str, str] = MappingProxyType({})


def holds_config(folder: Path, kind: str) -> bool:
    """Whether the folder of a run or comparison has a config in it; it need not be there, and is not made.

    Raises:
        UserError: if it cannot be read, or holds something that is no ``kind``.
    """
    entries = entries_of(folder)
    if entries and "config.json" not in entries:
        raise UserError(f"{folder} is not empty and holds no {kind}; choose another folder with --out")
    return bool(entries)


def entries_of(folder: Path) -> set[str]:
    """The names of what a folder holds, without what was left half written; none where it is not there.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        return {path.name for path in folder.iterdir() if path.suffix != UNFINISHED}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise UserError(f"cannot use the folder {folder}: {error.strerror}; choose another with --out") from error


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """A folder that is there inside the ``with`` block, so that long work is not begun for one that cannot be made.

    Where the block fails, it is taken away again with the folders above it that were made, if nothing is in them.

    Raises:
        UserError: if it cannot be made.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}; choose another with --out") from error
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for place in new:
                place.rmdir()
        raise


def refuse_change(
    folder: Path, kind: str, before: Mapping[str, Any], after: Mapping[str, Any], *, why: Mapping[str, str] = NOTHING
) -> None:
    """Raise a ``UserError`` that names the first difference, unless the config in a folder is the one it is used with.

    Args:
        folder: of a run or comparison.
        kind: which of both.
        before: the config that stands in it.
        after: the config it is to be used with.
        why: path of a field -> why it cannot be changed, where that is worth a word.
    """
    if before != after:
        path, one, other = _first_difference(before, after)
        reason = f": {why[path]}" if path in why else ""
        raise UserError(
            f"{folder} holds a {kind} with another config ({path} {_shown(one)} there, {_shown(other)} here{reason}); "
            f"to go on with it say what stands in its config.json, to make another say --out {_free(folder)}"
        )


def _free(folder: Path) -> Path:
    """A folder beside one that is not there yet."""
    numbers = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return next(place for place in numbers if not place.exists())


def write_through(path: Path, data: bytes) -> None:
    """Write a file and wait until the disk has it.

    Raises:
        OSError: if the disk is full or the folder cannot be written.
    """
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Replace a file by ``text``, making its folder where needed, so that whoever is killed leaves the old or the new.

    Raises:
        UserError: if the disk is full or the folder cannot be written; what stood there stays.
    """
    fresh = path.with_name(path.name + UNFINISHED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_through(fresh, text.encode())
        fresh.replace(path)
    except OSError as error:
        _remove(fresh)
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another folder with --out, "
            "then run the same command again: what was finished is kept"
        ) from error


def write_json(path: Path, data: Any) -> None:
    """Replace a file by ``data`` as JSON. See ``write_text``."""
    write_text(path, json.dumps(data, indent=1))


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file that statewise wrote.

    Raises:
        UserError: if it is missing, damaged or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}; was its command run to the end?") from error
    except ValueError as error:
        raise UserError(f"{path} is damaged ({error}); restore it, or run its command in another folder") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} was not written by statewise; name another folder")
    return found


def _first_difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, Any, Any]:
    """The first field, by its path, whose values differ, and both values."""
    name = next(name for name in (*before, *after) if before.get(name) != after.get(name))
    one, other = before.get(name), after.get(name)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        path, one, other = _first_difference(one, other)
        return f"{name}.{path}", one, other
    return name, one, other


def _shown(value: Any) -> str:
    """A value in a sentence, where an empty text would leave nothing to be seen."""
    return str(value) if value or value in (0, False) else "empty"


def _remove(path: Path) -> None:
    """Leave no half-written file behind, where that can be helped."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
