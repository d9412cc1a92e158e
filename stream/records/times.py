"""What a plausible time is: one rule for topics, files, the gateway, experiments, expiry and options.

A time is seconds since 1970-01-01 UTC. An event happened between 1990 and now; clocks differ, so up to `MAX_AHEAD_S`
ahead of now. What is planned (the expiry of an item, the start of an experiment) lies between 1990 and the year 9999.

On topics and over HTTP a time is a JSON number of seconds; anything else is refused, with the unit that it looks like.
In files and options it may be text, see `seconds`: numbers of seconds, milliseconds, microseconds or nanoseconds, told
apart by their size, which no two units share from 1990 to 2100 (nanoseconds of early 1990 are ticks of .NET), and
ISO 8601, also with slashes in its date, or ` UTC`, ` GMT` or `[UTC]` behind it. All numbers of a column have one unit.
"""

import re
from datetime import UTC, date, datetime
from functools import lru_cache

from stream.records.numbers import hint as number_hint
from stream.records.numbers import number

EARLIEST_S = 631_152_000.0  # 1990: older than the oldest event log; seconds below it are a wrong unit or a wrong clock
MAX_AHEAD_S = 300.0  # clocks differ; a later event would close the sessions of everybody else in its partition
LATEST_S = 4_102_444_800.0  # 2100: where no clock says what now is
END_S = 253_402_300_800.0  # the year 10000: "never", as many shops write it
UNITS = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000, "nanoseconds": 1_000_000_000}
# Of 1995 to 2060: what would be nanoseconds of 1990 is ticks of today.
TICKS, FILETIME = (6.2925e17, 6.5e17), (1.24e17, 1.45e17)
_DIGITS = re.compile(r"[0-9]+(?:\.0*)?")
_DATES = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_WRITTEN = {6: "YYYYMM", 8: "YYYYMMDD", 10: "YYYYMMDDHH", 12: "YYYYMMDDHHMM", 14: "YYYYMMDDHHMMSS"}
_BASIC = re.compile(r"([0-9]{8})T[0-9]{2,6}(?:\.[0-9]+)?(?:Z|[+-][0-9:]{2,5})?")
_DASHED = re.compile(r"[0-9]{4}([-/])[0-9]{2}\1[0-9]{2}")
_UTC = re.compile(r"(?: (?:UTC|GMT)|\[UTC\])$")  # what is without a zone is in UTC


class Seconds(float):
    """Seconds since 1970 that were written in another unit, which they remember."""

    __slots__ = ("unit",)
    unit: str


def fault(time: float, now: float, written: str = "") -> str:
    """What is wrong with the time of an event, for the end of a sentence that names the field; empty if nothing is.

    Parameters
    ----------
    now : unix seconds
    written : the time as it came, if it was text

    >>> fault(1.7e9, now=1.8e9)
    ''
    >>> fault(1.7e12, now=1.8e9)
    'must be seconds since 1970, from 1990 to now; got 1700000000000; it looks like milliseconds: divide by 1,000'
    """
    if EARLIEST_S <= time <= now + MAX_AHEAD_S:
        return ""
    hint = looks_like(time, now) or (
        f"it is {time - now:.0f} s ahead of the clock (at most {MAX_AHEAD_S:.0f} s)" if time > now else ""
    )
    return f"must be seconds since 1970, from 1990 to now; got {written or _plain(time)}{'; ' * bool(hint)}{hint}"


def planned_fault(time: float) -> str:
    """The same for a time that may lie ahead: an expiry, a start.

    >>> planned_fault(253_402_300_799)
    ''
    >>> planned_fault(20_310_131)  # doctest: +ELLIPSIS
    'must be seconds since 1970, from 1990 to the year 9999; got 20310131; it looks like a date YYYYMMDD: send ...'
    """
    if EARLIEST_S <= time < END_S:
        return ""
    hint = looks_like(time, LATEST_S)
    return f"must be seconds since 1970, from 1990 to the year 9999; got {_plain(time)}{'; ' * bool(hint)}{hint}"


def text_fault(text: str | None) -> str:
    """What to send where a time must be a JSON number and is text, or (None) another thing.

    >>> text_fault("2021-01-31T00:00:00Z")
    "must be a number of seconds since 1970; got the text '2021-01-31T00:00:00Z': send 1612051200"
    """
    if text is None:
        return "must be a number of seconds since 1970"
    try:
        better = f": send {_plain(float(seconds(text)))}"
    except ValueError:
        better = ""
    return f"must be a number of seconds since 1970; got the text {text[:60]!r}{better}"


def looks_like(value: float, now: float) -> str:
    """Name what a number is that is no plausible time in seconds, and what to do about it; empty if it is not known.

    >>> looks_like(20_210_131, 1.8e9)
    'it looks like a date YYYYMMDD: send 1612051200, its midnight in UTC, or 2021-01-31 in a file \
(--time-unit date reads a column of them)'
    >>> looks_like(829, 1.8e9)
    'it looks like a time of day, or cut off: seconds since 1970 have 10 digits'
    """
    if TICKS[0] <= value < TICKS[1]:
        return "it looks like ticks of .NET: subtract 621355968000000000, then divide by 10,000,000"
    if FILETIME[0] <= value < FILETIME[1]:
        return "it looks like a FILETIME of Windows: divide by 10,000,000, then subtract 11644473600"
    for unit, divisor in UNITS.items():
        if divisor > 1 and EARLIEST_S <= value / divisor <= now + MAX_AHEAD_S:
            return f"it looks like {unit}: divide by {divisor:,}"
    digits = str(int(value)) if 0 <= value < 1e15 and value == int(value) else ""
    if len(digits) in _WRITTEN and digits[:2] in ("19", "20"):
        try:
            found = datetime.strptime(digits, _DATES[len(digits)]).replace(tzinfo=UTC)
        except ValueError:
            pass
        else:
            what = "a date" if len(digits) <= 8 else "a date and time"
            at = f"{found.timestamp():.0f}"
            send = f"{at}, or {found:%FT%TZ} in a file"
            if len(digits) == 8:
                send = f"{at}, its midnight in UTC, or {found:%F} in a file (--time-unit date reads a column of them)"
            return f"it looks like {what} {_WRITTEN[len(digits)]}: send {send}"
    if 30_000 <= value < 80_000:
        return "it looks like a spreadsheet's number of a day, or cut off: send seconds since 1970"
    if digits and len(digits) <= 4:
        return "it looks like a time of day, or cut off: seconds since 1970 have 10 digits"
    if 0 <= value < EARLIEST_S:
        return (
            f"it is {datetime.fromtimestamp(value, UTC):%Y-%m-%d} and looks cut off: seconds since 1970 have 10 digits"
        )
    return ""


def seconds(text: str) -> float:
    """Unix seconds of a time in a file or an option: a number in any of the `UNITS`, or ISO 8601 (UTC if without zone).

    A number in another unit than seconds comes back as `Seconds`.

    >>> seconds("1511544070"), seconds("1511544070000"), seconds("2017-11-24 17:21:10 UTC"), seconds("20171124T172110Z")
    (1511544070.0, 1511544070.0, 1511544070.0, 1511544070.0)
    >>> seconds("0829")
    Traceback (most recent call last):
    ValueError: the time must be from 1990 to now; got '0829'; it looks like a time of day, or cut off: seconds since \
1970 have 10 digits
    """
    text = text.strip(" \t")
    if not _numeric(text):
        return _iso_seconds(text)
    try:
        value = number(text)
    except ValueError:
        raise ValueError(_no_time(text, number_hint(text))) from None
    if EARLIEST_S <= value < LATEST_S:
        return value
    for unit, divisor in UNITS.items():
        if EARLIEST_S <= value / divisor < LATEST_S and not TICKS[0] <= value < TICKS[1]:
            # An integer keeps its last digits: a double has 15 or 16, nanoseconds have 19.
            found = Seconds((int(text) if text.isdigit() else value) / divisor)
            found.unit = unit
            return found
    hint = looks_like(value, LATEST_S) or ("it lies in the far future" if value > 0 else "")
    raise ValueError(f"the time must be from 1990 to now; got {text[:40]!r}{'; ' * bool(hint)}{hint}")


def day_or_seconds(text: str) -> float:
    """The same for a column of dates, where `20210131` is midnight in UTC.

    >>> day_or_seconds("20210131") == day_or_seconds("2021-01-31") == 1_612_051_200
    True
    """
    text = text.strip(" \t")
    if len(text) == 8 and text.isascii() and text.isdigit():
        return _iso_seconds(f"{text[:4]}-{text[4:6]}-{text[6:]}")
    return seconds(text)


def holds_dates(column: str) -> bool:
    """Whether a column's name says that it holds dates: `event_date`, `date`, `t_dat`, `day`.

    >>> [name for name in ("event_date", "Date", "t_dat", "updated_at", "timestamp", "birthday") if holds_dates(name)]
    ['event_date', 'Date', 't_dat']
    """
    return bool({"date", "dat", "day"} & set(re.split(r"[^a-z]+", column.lower())))


def from_toml(value: object) -> object:
    """Unix seconds of a time in a TOML file: a date, a date-time (UTC if without zone), or text; numbers stay.

    >>> from_toml(date(2021, 1, 31)), from_toml(datetime(2021, 1, 31)), from_toml("2021-01-31T00:00:00Z"), from_toml(7)
    (1612051200.0, 1612051200.0, 1612051200.0, 7)
    """
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    return float(seconds(value)) if isinstance(value, str) else value


def _numeric(text: str) -> bool:
    """Whether text is meant as a number, well written or not; else it is taken for ISO 8601."""
    return not _BASIC.fullmatch(text) and not _DASHED.match(text)


def _plainly(text: str) -> str:
    """A time as ISO 8601 has it, if it is that but for slashes in its date or another name of its zone."""
    text = _UTC.sub("", text)
    text = text[:-1] + "Z" if text.endswith("z") else text
    return text.replace("/", "-", 2) if "/" in text[:8] else text


@lru_cache(maxsize=4096)  # consecutive lines often have the same second
def _iso_seconds(text: str) -> float:
    try:
        time = datetime.fromisoformat(_plainly(text))
    except ValueError:
        raise ValueError(_no_time(text, "")) from None
    found = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    if EARLIEST_S <= found < LATEST_S:
        return found
    raise ValueError(f"the time must be from 1990 to now; got {text[:40]!r}")


def _no_time(text: str, hint: str) -> str:
    """What is wrong with text that is no time, and how to write it."""
    if _DASHED.match(text):
        hint = ": there is no such date, time or zone"
    elif not hint and any(map(str.isdigit, text)):
        hint = ": write it as 2023-11-14T22:13:20Z"
    return f"the time must be unix seconds or ISO 8601; got {text[:40]!r}{hint}"


def _plain(time: float) -> str:
    """A number as a producer would write it."""
    return f"{time:.0f}" if time == time // 1 and abs(time) < 1e18 else repr(time)
