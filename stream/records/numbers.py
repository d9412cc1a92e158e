"""What a number is where it is written as text: in settings, files, queries and options. JSON has its own rule.

A number has the digits 0 to 9, one point at most, a minus before it if it is negative, and an exponent after it if it
has one: `12`, `-0.5`, `.99`, `1e3`. Not a number: blanks around it, a plus, `1_000`, `1,000`, `0x10`, digits of other
scripts, `nan`, `inf`, and whatever is too large for a double. A whole number has digits only, and a minus.
"""

import math
import re

_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_COMMA = re.compile(r"-?[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})")  # three digits behind it may be thousands
_GROUPED = re.compile(r"-?[0-9]{1,3}(?:([.,' \xa0\u202f])[0-9]{3})(?:\1[0-9]{3})*(?:[.,][0-9]+)?")
_DECIMAL_COMMA = re.compile(r"-?(?:[0-9]*|[0-9]{1,3}(?:([.' \xa0\u202f])[0-9]{3})(?:\1[0-9]{3})*),[0-9]+")
CURRENCIES = "€$£¥ "
SHOWN = 40  # characters of what came, in an error


def number(text: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Read a number in [low, high].

    >>> number("-0.5"), number(".99"), number("1e3")
    (-0.5, 0.99, 1000.0)

    Raises
    ------
    ValueError
        saying what must hold and what came
    """
    found = float(text) if len(text) < 400 and _NUMBER.fullmatch(text) else math.nan
    if math.isfinite(found) and low <= found <= high:
        return found
    raise ValueError(f"must be a number{_range(low, high)}; got {text[:SHOWN]!r}{hint(text)}")


def with_point(text: str) -> str:
    """A number that has a comma before its fraction, with a point; any other text as it is.

    >>> with_point("9,90"), with_point("1.234,50"), with_point("-0,5"), with_point("1.5"), with_point("1,2,3")
    ('9.90', '1234.50', '-0.5', '1.5', '1,2,3')
    """
    if "," not in text or not _DECIMAL_COMMA.fullmatch(text):
        return text
    before, _, fraction = text.partition(",")
    return "".join(sign for sign in before if sign in "-0123456789") + "." + fraction


def whole(text: str, low: float = -math.inf, high: float = math.inf) -> int:
    """Read a whole number in [low, high].

    >>> whole("20", 1, 40)
    20
    >>> whole("1_000")
    Traceback (most recent call last):
    ValueError: must be a whole number; got '1_000': write digits only, without `_`
    """
    found = int(text) if _WHOLE.fullmatch(text) else None
    if found is not None and low <= found <= high:
        return found
    raise ValueError(f"must be a whole number{_range(low, high)}; got {text[:SHOWN]!r}{hint(text)}")


def _range(low: float, high: float) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f" from {low:g} to {high:g}"
    if math.isfinite(low):
        return f", {low:g} or more"
    return f", {high:g} or less" if math.isfinite(high) else ""


def hint(text: str) -> str:
    """What to change in text that would be a number in another notation; empty if nothing comes to mind."""
    if text != text.strip():
        return ": leave out the blanks around it"
    if "_" in text and text.replace("_", "").isdigit():
        return ": write digits only, without `_`"
    if not text.isascii() and text.replace(".", "", 1).isdigit():
        return ": write the digits 0 to 9"
    if _COMMA.fullmatch(text):
        return f": write {text.replace(',', '.')}, with a point"
    if _GROUPED.fullmatch(text):
        return ": leave out the signs between thousands, and write a point before the fraction"
    if text.strip(CURRENCIES) != text and _NUMBER.fullmatch(text.strip(CURRENCIES)):
        return ": leave out the sign of the currency"
    return ": leave out the plus" if text.startswith("+") else ""
