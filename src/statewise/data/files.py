"""Reading a file whole: what may be wrong with it, said in one sentence."""

import codecs
import hashlib
from pathlib import Path

from statewise.errors import UserError


def read_bytes(path: str, wanted: str) -> bytes:
    """The bytes of a file that is there, readable and not empty.

    Args:
        path: of the file.
        wanted: what should be in it, for the message.

    Raises:
        UserError: if the file is missing, a folder, unreadable or empty.
    """
    file = Path(path)
    if not file.exists():
        raise UserError(f"there is no file {path}; check the path")
    if file.is_dir():
        raise UserError(f"{path} is a folder; name a file in it")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    if not data.removeprefix(codecs.BOM_UTF8).strip():
        raise UserError(f"{path} is empty; give {wanted}")
    return data


def decode_utf8(path: str, data: bytes) -> str:
    """The text that ``data`` holds, without its byte order mark; line ends stay as they are.

    Raises:
        UserError: if it is UTF-16 or UTF-32, binary or not UTF-8.
    """
    wide = _wide_encoding(data)
    if wide:
        raise UserError(f"{path} is {wide}; save it as UTF-8 (for example: iconv -f {wide} -t UTF-8)")
    if b"\0" in data:
        raise UserError(f"{path} looks like a binary file, not text; give a plain UTF-8 text or CSV file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path} is not UTF-8: byte {error.start} (line {line}) is 0x{data[error.start]:02x}; save it as UTF-8 "
            "(for example: iconv -f WINDOWS-1252 -t UTF-8)"
        ) from error


def _wide_encoding(data: bytes) -> str:
    """UTF-32 or UTF-16 by their marks; without one, text whose every other byte is 0 is UTF-16, too; else nothing."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    for order, letters, zeros in (("LE", data[0:200:2], data[1:200:2]), ("BE", data[1:200:2], data[0:200:2])):
        if len(zeros) > 1 and not any(zeros) and all(letters):
            return f"UTF-16{order}"
    return ""


def fingerprint(content: str | bytes) -> str:
    """SHA-256 of what was read, in hexadecimal."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
