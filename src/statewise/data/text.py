"""Reading text: any UTF-8 file, or the English that every Python carries."""

from statewise.data.files import decode_utf8, read_bytes

EMBEDDED = "embedded"
"""Name of the text that needs no file"""


def read_text(source: str) -> str:
    """The text of a UTF-8 file, or the embedded text where ``source`` is ``embedded``.

    Raises:
        UserError: if the file is missing, a folder, unreadable, empty, binary or not UTF-8.
    """
    if source == EMBEDDED:
        return embedded_text()
    return decode_utf8(source, read_bytes(source, "a file with text in it"))


def embedded_text() -> str:
    """The Python language reference in English, about 0.5 MB, which every CPython carries for ``help()``."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def split_text(text: str, *, valid: float, test: float) -> tuple[str, str, str]:
    """Training, validation and test part, in this order of the text.

    >>> split_text("0123456789", valid=0.1, test=0.1)
    ('01234567', '8', '9')
    """
    first = round(len(text) * (1 - valid - test))
    second = round(len(text) * (1 - test))
    return text[:first], text[first:second], text[second:]
