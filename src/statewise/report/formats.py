"""Numbers as a careful typesetter sets them."""

import math
import re
from collections.abc import Iterable

MISSING = "–"
_THIN = "\N{NARROW NO-BREAK SPACE}"
_HINT = re.compile(r"\s*\(--[^()]*\)")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _signed(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def count(value: float | None) -> str:
    """A whole number with its thousands apart.

    >>> count(1234567)
    '1,234,567'
    """
    return MISSING if value is None else _signed(f"{value:,.0f}")


def number(value: float | None, digits: int = 3) -> str:
    """A measured number to ``digits`` significant digits; powers of ten where zeros would have to be counted.

    >>> number(0.05123), number(-12.0), number(3.2e-5), number(123456)
    ('0.0512', '−12.0', '3.20·10⁻⁵', '1.23·10⁵')
    """
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    power = int(exponent)
    if -4 < power < digits + 2:
        return _signed(f"{float(f'{mantissa}e{power}'):.{max(digits - 1 - power, 0)}f}")
    return f"{_signed(mantissa)}·10{str(power).translate(_SUPERSCRIPTS)}"


def plain(value: float) -> str:
    """A number without needless zeros, for axes and settings.

    >>> plain(0.5), plain(20.0), plain(0.0003), plain(-1e-7), plain(0.1 + 0.2)
    ('0.5', '20', '0.0003', '−10⁻⁷', '0.3')
    """
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)))
    if -5 < power < 7:
        return _signed(f"{value:.6f}".rstrip("0").rstrip(".")) if power < 4 else compact(value)
    mantissa, exponent = f"{value:.3e}".split("e")
    factor = mantissa.rstrip("0").rstrip(".")
    ten = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return _signed({"1": "", "-1": "-"}.get(factor, f"{factor}·")) + ten


def compact(value: float | None) -> str:
    """A large number to three digits with a metric prefix.

    >>> [compact(v).replace(chr(0x202f), " ") for v in (950, 51_200, 2.5e6, 4e9)]
    ['950', '51.2 k', '2.5 M', '4 G']
    """
    if value is None:
        return MISSING
    for prefix, unit in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= unit * 0.9995:
            return _signed(f"{value / unit:.3g}") + _THIN + prefix
    return _signed(f"{value:.3g}")


def size(value: float | None) -> str:
    """A number of bytes with a binary prefix.

    >>> [size(v).replace(chr(0x202f), " ") for v in (0, 512, 1536, 3 * 2**20)]
    ['0 B', '512 B', '1.5 KiB', '3 MiB']
    """
    if value is None:
        return MISSING
    for prefix, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if value >= 2**power:
            return f"{float(f'{value / 2**power:.3g}'):g}{_THIN}{prefix}"
    return f"{value:.0f}{_THIN}B"


def duration(seconds: float | None) -> str:
    """A time as a person says it.

    >>> [duration(v).replace(chr(0x202f), " ") for v in (0.25, 42, 200, 7500)]
    ['0.25 s', '42 s', '3 min 20 s', '2 h 05 min']
    """
    if seconds is None:
        return MISSING
    if seconds < 59.5:
        return f"{seconds:.2g}{_THIN}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{_THIN}min {whole % 60:02d}{_THIN}s"
    return f"{whole // 3600}{_THIN}h {whole % 3600 // 60:02d}{_THIN}min"


def percent(fraction: float | None) -> str:
    """A fraction as a whole percentage.

    >>> percent(2 / 3).replace(chr(0x202f), " ")
    '67 %'
    """
    return MISSING if fraction is None else f"{100 * fraction:.0f}{_THIN}%"


def sentence(note: str) -> str:
    """A note as a sentence, without hints at flags of the command line, which nobody can type into a page.

    >>> sentence("target: OT (--task-options target=NAME to choose another); horizon: 1")
    'Target: OT; horizon: 1.'
    """
    text = _HINT.sub("", note).strip()
    return text[:1].upper() + text[1:].rstrip(".") + "."


class Column:
    """One way of writing all numbers that will be read against each other.

    Fixed decimals, three significant digits of the largest below 1 and four above; each to three significant digits
    where the numbers span magnitudes.

    >>> column = Column([0.912, 0.95, 0.1])
    >>> column(0.95), column.interval(0.9, 1.0)
    ('0.950', '[0.900, 1.000]')
    """

    def __init__(self, values: Iterable[float | None]) -> None:
        known = [abs(value) for value in values if value]
        top = max(known, default=1.0)
        self._spans = bool(known) and (top / min(known) > 1000 or top < 1e-3 or top >= 1e6)
        power = math.floor(math.log10(top))
        self._decimals = max(0, 3 - power if power >= 0 else 2 - power)

    def __call__(self, value: float | None) -> str:
        """``value`` in this column's form."""
        if value is None or self._spans:
            return number(value)
        text = f"{value:.{self._decimals}f}"
        return _signed(text) if float(text) else text.lstrip("-")

    def interval(self, low: float | None, high: float | None) -> str:
        """Both ends in brackets, or nothing where there is no interval."""
        return "" if low is None or high is None else f"[{self(low)}, {self(high)}]"


def setting(name: str, value: object) -> str:
    """A name with its value, as a person writes it.

    >>> setting("learning_rate", 0.0003), setting("norm", "layer")
    ('learning_rate 0.0003', 'norm layer')
    """
    return f"{name} {told(value)}"


def told(value: object) -> str:
    """Any plain value in few letters: whole numbers in full, others to four digits.

    >>> told(0.123456), told(128), told(True), told(None), told("layer")
    ('0.1235', '128', 'True', '–', 'layer')
    """
    if value is None:
        return MISSING
    if isinstance(value, float):
        return plain(float(f"{value:.4g}"))
    return count(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
