"""Reading text: any UTF-8 file, or the English that every Python carries."""

import hashlib
from pathlib import Path

from statewise.errors import UserError

EMBEDDED = "embedded"
"""Name of the text that needs no file"""


def read_text(source: str) -> str:
    """The text of a UTF-8 file, or the embedded text where ``source`` is ``embedded``.

    Raises:
        UserError: if the file is missing, a folder, unreadable, empty, binary or not UTF-8.
    """
    if source == EMBEDDED:
        return embedded_text()
    data = _read_bytes(Path(source))
    if not data.strip():
        raise UserError(f"{source} is empty; give a file with text in it")
    if b"\0" in data[:8192]:
        raise UserError(f"{source} looks like a binary file, not text; give a plain UTF-8 text file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{source} is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}; save it as UTF-8 "
            "(for example: iconv -f WINDOWS-1252 -t UTF-8)"
        ) from error


def embedded_text() -> str:
    """The Python language reference in English, about 0.5 MB, which every CPython carries for ``help()``."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def split_text(text: str, *, valid: float = 0.1, test: float = 0.1) -> tuple[str, str, str]:
    """Training, validation and test part, in this order of the text.

    >>> split_text("0123456789")
    ('01234567', '8', '9')
    """
    first = round(len(text) * (1 - valid - test))
    second = round(len(text) * (1 - test))
    return text[:first], text[first:second], text[second:]


def fingerprint(content: str | bytes) -> str:
    """SHA-256 of what was read, in hexadecimal."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _read_bytes(path: Path) -> bytes:
    if not path.exists():
        raise UserError(f"there is no file {path}; check the path")
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file in it")
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from error
