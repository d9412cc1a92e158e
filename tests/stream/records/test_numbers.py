"""What is a number, and what is none."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.records.numbers import number, whole

NONE = [
    "", " ", " 5", "5 ", "+5", "1_000", "1,000", "1 000", "0x10", "1e", "e5", ".", "-", "--1", "1.2.3", "5f", "1e999",
    "nan", "NaN", "inf", "-inf", "Infinity", "\uff11\uff12", "\u0663", "²", "½", "5\n", "\x005", "1" * 500,
    "true", "None",
]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_number(text: str) -> None:
    for parse in (number, whole):
        with pytest.raises(ValueError, match="must be a "):
            parse(text)


@pytest.mark.parametrize("text", ["1.0", "1e3", ".5", "1" * 19])
def test_what_is_no_whole_number(text: str) -> None:
    number(text)
    with pytest.raises(ValueError, match="must be a whole number"):
        whole(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_writes_is_read(value: float) -> None:
    assert number(repr(value)) == value


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_whole_numbers_are_read(value: int) -> None:
    assert whole(str(value)) == value


@given(st.text(max_size=12))
def test_whatever_is_read_is_read_by_python_too(text: str) -> None:
    try:
        value = number(text)
    except ValueError:
        return
    assert value == float(text)
    assert text.isascii()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("9,90", ": write 9.90, with a point"),
        ("1,234.50", ": leave out the signs between thousands"),
        ("1.234.567", ": leave out the signs between thousands"),
        ("1,234", ": leave out the signs between thousands"),
        ("5 €", ": leave out the sign of the currency"),
        ("+5", ": leave out the plus"),
    ],
)
def test_what_to_write_instead_is_said(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"; got {re.escape(repr(text) + hint)}"):
        number(text)


def test_ranges_are_said() -> None:
    for low, high, words in (
        (1, 40, "from 1 to 40"),
        (0, float("inf"), ", 0 or more"),
        (float("-inf"), 3, ", 3 or less"),
    ):
        with pytest.raises(ValueError, match=words):
            whole("50" if high < 50 else "-1", low, high)
