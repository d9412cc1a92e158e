"""What is a plausible time, in every unit, and what is said of the others."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.records.times import (
    EARLIEST_S,
    END_S,
    LATEST_S,
    MAX_AHEAD_S,
    TICKS,
    UNITS,
    Seconds,
    day_or_seconds,
    fault,
    planned_fault,
    seconds,
)

NOW = 1_795_000_000.0  # November 2026


@pytest.mark.parametrize("unit", UNITS)
@given(time=st.integers(int(EARLIEST_S), int(NOW)))
def test_every_unit_is_told_apart_by_its_size(unit: str, time: int) -> None:
    if unit == "nanoseconds":
        time = max(time, int(TICKS[1] / 1e9))
    found = seconds(str(time * UNITS[unit]))
    assert found == time
    assert getattr(found, "unit", "seconds") == unit
    assert (f"looks like {unit}: divide by {UNITS[unit]:,}" in fault(time * UNITS[unit], NOW)) == (unit != "seconds")


def test_nanoseconds_keep_their_digits_as_far_as_a_double_can() -> None:
    assert seconds("1700000000123456789") == 1_700_000_000.123456789
    assert isinstance(seconds("1700000000123456789"), Seconds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1511544070", 1_511_544_070),
        ("1511544070.25", 1_511_544_070.25),
        ("1.5e9", 1_500_000_000),
        (" 1511544070\t", 1_511_544_070),
        ("2017-11-24T17:21:10Z", 1_511_544_070),
        ("2017-11-24T19:21:10+02:00", 1_511_544_070),
        ("2017-11-24 17:21:10", 1_511_544_070),
        ("2017-11-24 17:21:10 UTC", 1_511_544_070),
        ("2017-11-24T17:21:10.5", 1_511_544_070.5),
        ("2017/11/24 17:21:10", 1_511_544_070),
        ("2017-11-24 17:21:10 GMT", 1_511_544_070),
        ("2017-11-24t17:21:10z", 1_511_544_070),
        ("2017-11-24T18:21:10+01:00[UTC]", 1_511_544_070),
        ("2017-11-24T17:21:10Z[UTC]", 1_511_544_070),
        ("2017-11-24 17:21:10,5", 1_511_544_070.5),
        ("20171124T172110Z", 1_511_544_070),
        ("20171124T192110+0200", 1_511_544_070),
        ("2017-11-24", 1_511_481_600),
    ],
)
def test_how_a_time_may_be_written(text: str, expected: float) -> None:
    assert seconds(text) == expected
    assert day_or_seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("20210131", "a date YYYYMMDD: send 1612051200, its midnight in UTC, or 2021-01-31 in a file"),
        ("202101", "a date YYYYMM"),
        ("202101311230", "a date and time YYYYMMDDHHMM: send 1612096200"),
        ("20210131123015", "a date and time YYYYMMDDHHMMSS: send 1612096215"),
        ("0829", "a time of day, or cut off"),
        ("1700", "a time of day, or cut off"),
        ("2021", "a time of day, or cut off"),
        ("0", "a time of day, or cut off"),
        ("44562", "a spreadsheet's number of a day"),
        ("170000000", "it is 1975-05-22 and looks cut off"),
        ("1700000000000000000000", "in the far future"),
        ("17000000000", "in the far future"),
        ("638355968000000000", "ticks of .NET"),
        ("133444736000000000", "a FILETIME of Windows"),
        ("2017/11-24", "write it as 2023-11-14T22:13:20Z"),
        ("-5", "must be from 1990"),
        ("9999-12-31", "must be from 1990"),
        ("1969-12-31T23:59:59Z", "must be from 1990"),
        ("nan", "unix seconds or ISO 8601"),
        ("inf", "unix seconds or ISO 8601"),
        ("1_700_000_000", "write digits only, without `_`"),
        ("\uff11\uff17\uff10\uff10\uff10\uff10\uff10\uff10\uff10\uff10", "write the digits 0 to 9"),
        ("+1700000000", "leave out the plus"),
        ("0x65", "unix seconds or ISO 8601"),
        ("", "unix seconds or ISO 8601"),
        ("yesterday", "unix seconds or ISO 8601"),
        ("24/11/2017", "write it as 2023-11-14T22:13:20Z"),
        ("Nov 24, 2017", "write it as 2023-11-14T22:13:20Z"),
        ("2017-13-01", "there is no such date, time or zone"),
        ("2017-11-24 17:21:10 CEST", "there is no such date, time or zone"),
    ],
)
def test_what_is_no_time(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="the time must be") as caught:
        seconds(text)
    assert words in str(caught.value)


def test_a_column_of_dates_may_have_digits_only() -> None:
    assert day_or_seconds("20210131") == datetime(2021, 1, 31, tzinfo=UTC).timestamp()
    for text in ("20211331", "00000000", "19000101", "2021013"):
        with pytest.raises(ValueError, match="the time must be"):
            day_or_seconds(text)


def test_bounds_of_what_happened_and_of_what_is_planned() -> None:
    for time in (EARLIEST_S, NOW, NOW + MAX_AHEAD_S):
        assert not fault(time, NOW)
    for time in (EARLIEST_S - 1, NOW + MAX_AHEAD_S + 1, 0.0, -1e300, math.nan, math.inf):
        assert fault(time, NOW)
    for time in (EARLIEST_S, LATEST_S, END_S - 1):
        assert not planned_fault(time)
    for time in (0.0, END_S, NOW * 1e3, NOW * 1e6, NOW * 1e9, math.nan, math.inf, -math.inf):
        assert planned_fault(time)
    assert "looks like milliseconds: divide by 1,000" in planned_fault(NOW * 1e3)


@given(st.floats(), st.floats(0, 3e9))
def test_no_number_raises(value: float, now: float) -> None:
    fault(value, now)
    planned_fault(value)


@given(st.text(max_size=24) | st.from_regex(r"[0-9T:.Z+-]{1,24}", fullmatch=True))
def test_no_text_raises_anything_else_and_what_is_read_is_plausible(text: str) -> None:
    for read in (seconds, day_or_seconds):
        try:
            found = read(text)
        except ValueError as error:
            said = str(error)
        else:
            assert EARLIEST_S <= found < LATEST_S
            continue
        assert said.startswith("the time must be")
