"""Bytes looked up against bytes computed."""

from math import exp, inf, log, nextafter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.ranking import features
from stream.ranking.levels import SHIFT, Levels, tabulate

RISING, FALLING = tabulate(features._nearness, -12, 0), tabulate(features._lateness, 0, 62)


def looked_up(table: Levels, number: float) -> tuple[int, bool]:
    """The byte of the group, and whether the number is beyond its turn."""
    group = (int(np.float64(number).view(np.int64)) >> SHIFT) - table.first
    return int(table.bytes[group]), number >= table.turns[group]


@given(st.floats(2.0**-12, 1.0))
def test_a_rising_function(number: float) -> None:
    byte, later = looked_up(RISING, number)
    assert byte + later == features._nearness(number)


@given(st.integers(1, 2**53) | st.integers(1, 3_000))
def test_a_falling_function_of_whole_numbers(number: int) -> None:
    byte, later = looked_up(FALLING, float(number))
    assert byte - later == features._lateness(float(number))


@pytest.mark.parametrize("byte", [1, 100, 254])
def test_at_the_very_turn(byte: int) -> None:
    turn = exp(8.0 * ((byte - 0.5) / 255.0 - 1.0))
    for _ in range(20):
        turn = nextafter(turn, inf)
    for _ in range(40):
        start, later = looked_up(RISING, turn)
        assert start + later == features._nearness(turn)
        turn = nextafter(turn, 0.0)


def test_the_ends_belong_to_the_table() -> None:
    assert looked_up(RISING, 1.0) == (255, False)
    assert looked_up(RISING, 2.0**-12) == (0, False)
    assert features._nearness(2.0**-12) == 0 > 1.0 + log(2.0**-12) / 8.0
    assert looked_up(FALLING, 1.0) == (255, False)
    assert len(RISING.bytes) == len(RISING.turns) == 12 * 32 + 1
