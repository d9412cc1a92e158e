"""Windows in arrays decide as River's ADWIN does, and hold the same bytes."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from river.drift import ADWIN

from learners.adwin import Windows, no_windows, packed, take_value, unpack_into

DELTA = 0.002


def coins(name: str, *parts: tuple[int, float]) -> list[float]:
    """Zeros and ones: so many with that share of ones, then the next."""
    rng = random.Random(f"drift/{name}")
    return [float(rng.random() < share) for n, share in parts for _ in range(n)]


def levels(name: str, *parts: tuple[int, float]) -> list[float]:
    """Numbers in [0, 1] around a level."""
    rng = random.Random(f"drift/{name}")
    return [min(max(rng.gauss(level, 0.1), 0.0), 1.0) for n, level in parts for _ in range(n)]


def taken(windows: Windows, values: list[float], delta: float = DELTA) -> list[int]:
    return [take_value(windows, 1, value, delta) for value in values]


def rivers(delta: float) -> "ADWIN":
    return ADWIN(delta=delta)  # type: ignore[no-untyped-call]


def bytes_of(river: "ADWIN") -> bytes:
    found: bytes = river._helper.__getstate__()
    return found


@pytest.mark.parametrize("delta", [0.0001, 0.002, 0.2, 0.9])
@pytest.mark.parametrize("values", [coins, levels])
@pytest.mark.parametrize("seed", range(4))
def test_decisions_and_windows_are_rivers(seed: int, values: object, delta: float) -> None:
    rng = random.Random(f"adwin/{seed}/{delta}")
    parts = [(rng.randrange(20, 900), rng.random()) for _ in range(6)]
    stream = (coins if values is coins else levels)(f"{seed}", *parts)
    windows, river, changes = no_windows(3), rivers(delta), 0
    for n, value in enumerate(stream):
        before = river._helper.get_total() / max(river._helper.get_width(), 1.0)
        river.update(value)  # type: ignore[no-untyped-call]
        expected = 0
        if river.drift_detected:
            expected = 1 if river._helper.get_total() / river._helper.get_width() > before else -1
            river, changes = rivers(delta), changes + 1  # as River does itself before the next value
        assert take_value(windows, 1, value, delta) == expected, n
        if n % 37 == 0:
            assert packed(windows, 1, delta).tobytes() == bytes_of(river)
    assert packed(windows, 1, delta).tobytes() == bytes_of(river)
    assert changes > (delta > 0.001)
    assert not windows.totals[[0, 2]].any(), "the other measures have taken nothing"


def test_a_change_is_found_soon() -> None:
    found = taken(no_windows(2), coins("soon", (1_500, 0.6), (1_500, 0.2), (1_500, 0.5)))
    fell, rose = found.index(-1), found.index(1)
    assert 1_500 < fell < 1_500 + 200
    assert 3_000 < rose < 3_000 + 400


def test_false_alarms_are_rare() -> None:
    """At most delta per look; it looks at every 32nd value."""
    streams = [coins(f"chance {seed}", (4_000, 0.2)) for seed in range(20)]
    found = sum(np.count_nonzero(taken(no_windows(2), values)) for values in streams)
    expected = DELTA * sum(len(values) for values in streams) / 32
    assert found <= expected + 3 * math.sqrt(expected)


STREAMS = st.lists(
    st.tuples(st.integers(1, 300), st.floats(0, 1)), min_size=1, max_size=5
)  # of (length, share of ones)


@settings(max_examples=30, deadline=None)
@given(STREAMS, st.integers(0, 1_500))
def test_a_restored_window_goes_on_to_the_bit(parts: list[tuple[int, float]], cut: int) -> None:
    values = coins("bits", *parts)
    one, other = no_windows(2), no_windows(2)
    taken(one, values[:cut], 0.2)
    taken(other, coins("before", (200, 0.5)), 0.2)  # what was there is replaced
    unpack_into(other, 1, packed(one, 1, 0.2))
    assert taken(one, values[cut:], 0.2) == taken(other, values[cut:], 0.2)
    assert packed(one, 1, 0.2).tobytes() == packed(other, 1, 0.2).tobytes()


def test_rivers_own_bytes_are_read() -> None:
    values, river, windows = levels("river", (700, 0.3)), rivers(DELTA), no_windows(2)
    for value in values:
        river.update(value)  # type: ignore[no-untyped-call]
    unpack_into(windows, 1, np.frombuffer(bytes_of(river), np.uint8))
    other = no_windows(2)
    taken(other, values)
    assert all(np.array_equal(a, b) for a, b in zip(windows, other, strict=True))


def test_stored_bytes_grow_with_the_logarithm() -> None:
    windows, sizes = no_windows(2), []
    for _ in range(4):
        taken(windows, [0.0, 1.0] * 8_000)
        sizes.append(packed(windows, 1, DELTA).nbytes)
    assert sizes[-1] - sizes[0] <= 3 * 256, "four times the values: two more rows of the histogram, and slack"
    assert sizes[-1] < 4_000


def cut_short(windows: Windows) -> NDArray[np.uint8]:
    return packed(windows, 1, DELTA)[:-8]


@pytest.mark.parametrize("junk", [b"", b"junk" * 10, cut_short(no_windows(2)).tobytes()])
def test_foreign_bytes_are_refused(junk: bytes) -> None:
    with pytest.raises(ValueError, match=f"must be River's own bytes; got {len(junk)} others"):
        unpack_into(no_windows(2), 1, np.frombuffer(junk, np.uint8))
