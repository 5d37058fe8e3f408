"""Make plain data safe to show: every number finite, every string printable."""

import math
import re
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"


def tidy(value: Any) -> Any:
    """A copy of plain data in which no value can spoil a page.

    Numbers that are not finite become ``None`` (not measured). In strings, control characters become their visible
    pictures and lone surrogates the replacement character, as bytes that a model wrote may hold anything.

    >>> tidy({"loss": float("nan"), "text": "a\\x00b", "list": (1, 2.5)})
    {'loss': None, 'text': 'a␀b', 'list': [1, 2.5]}
    """
    if isinstance(value, dict):
        return {tidy(key) if isinstance(key, str) else key: tidy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return _CONTROL.sub(_visible, value.encode("utf-8", "replace").decode("utf-8"))
    return value
