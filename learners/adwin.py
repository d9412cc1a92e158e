"""ADWIN, adaptive windowing, of many measures at once: their windows in arrays, for compiled code.

The window of a measure holds its newest values, in [0, 1], as an exponential histogram: level n has at most five
summaries of 2^n values each. Wherever the means of the older and the newer part differ by more than chance allows, the
oldest summary is dropped, until no such place is left [^1]. Decisions and windows are those of `river.drift.ADWIN`, to
the bit, and so are the bytes in which a window is stored.

[^1]: Bifet, Gavaldà: Learning from time-changing data with adaptive windowing. SDM 2007.
"""

import math
import struct
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

_LEVELS: Final = 32  # of a window: room for 10^10 values
_MOST: Final = 5  # summaries of a level; one more is merged with its neighbour into the next level
_CLOCK: Final = 32  # values between two looks
_GRACE: Final = 10.0  # values of a window that is looked at, at least
_SHORTEST: Final = 5.0  # part of a window

# Columns of `Windows.sums`
TOTAL: Final = 0
VARIANCE: Final = 1  # times the width
WIDTH: Final = 2
WIDTHS: Final = 3  # sum of the widths after every value
LEVELS: Final = 4  # in use, >= 1
SUMMARIES: Final = 5  # as River counts them
MOST_SUMMARIES: Final = 6
TICK: Final = 7  # values since the window was last emptied

_HEAD: Final = struct.Struct("<diQdd4d4iQ")  # River's settings, sums and counts, and how many levels follow
_TAIL: Final = struct.Struct("<diQii")  # its settings again
_LEVEL: Final = np.dtype(
    [("most", "<u8"), ("used", "<u8"), ("n", "<u8"), ("totals", "<f8", 6), ("m", "<u8"), ("variances", "<f8", 6)]
)


class Windows(NamedTuple):
    """One window for each of several measures.

    A level and what is read with it stand in one cache line: the number of its summaries, then their totals.
    """

    sums: NDArray[np.float64]  # [measures, 8], columns above
    totals: NDArray[np.float64]  # [measures, levels, 8] summaries in use, totals of the oldest first, one unused
    variances: NDArray[np.float64]  # [measures, levels, 6]


def no_windows(measures: int) -> Windows:
    """Return empty windows of so many measures."""
    windows = Windows(
        np.zeros((measures, 8)), np.zeros((measures, _LEVELS, 8)), np.zeros((measures, _LEVELS, _MOST + 1))
    )
    windows.sums[:, LEVELS] = 1.0
    return windows


@njit(cache=True)
def take_value(windows: Windows, measure: int, value: float, delta: float) -> int:
    """Take the next value of a measure; return 1 if its mean has risen, -1 if it has fallen, 0 without a change.

    A change empties the window. `delta`, in (0, 1): the smaller, the fewer false alarms and the later the true ones.
    """
    sums = windows.sums[measure]
    mean = sums[TOTAL] / max(sums[WIDTH], 1.0)
    _insert(windows, measure, value)
    sums[TICK] += 1.0
    changed = False
    if int(sums[TICK]) % _CLOCK == 0 and sums[WIDTH] > _GRACE:
        while _differs(windows, measure, delta):
            _drop_oldest(windows, measure)
            changed = True
    sums[WIDTHS] += sums[WIDTH]
    if not changed:
        return 0
    rose = sums[TOTAL] / sums[WIDTH] > mean
    windows.totals[measure] = 0.0
    windows.variances[measure] = 0.0
    sums[:] = 0.0
    sums[LEVELS] = 1.0
    return 1 if rose else -1


@njit(cache=True)
def _insert(windows: Windows, measure: int, value: float) -> None:
    """Add a value, and merge the two oldest summaries of every level that is too long."""
    sums, totals, variances = windows.sums[measure], windows.totals[measure], windows.variances[measure]
    totals[0, 1 + int(totals[0, 0])] = value
    totals[0, 0] += 1.0
    sums[SUMMARIES] += 1.0
    sums[MOST_SUMMARIES] = max(sums[MOST_SUMMARIES], sums[SUMMARIES])
    sums[WIDTH] += 1.0
    if sums[WIDTH] > 1.0:
        error = value - sums[TOTAL] / (sums[WIDTH] - 1.0)
        sums[VARIANCE] += (sums[WIDTH] - 1.0) * error * error / sums[WIDTH]
    sums[TOTAL] += value
    level, length = 0, 1.0
    while totals[level, 0] > _MOST:
        apart = totals[level, 1] / length - totals[level, 2] / length
        used = int(totals[level + 1, 0])
        totals[level + 1, 1 + used] = totals[level, 1] + totals[level, 2]
        variances[level + 1, used] = variances[level, 0] + variances[level, 1] + length * 0.5 * apart * apart
        totals[level + 1, 0] += 1.0
        _shorten(totals[level], variances[level], 2)
        sums[SUMMARIES] += 1.0
        level += 1
        length *= 2.0
        sums[LEVELS] = max(sums[LEVELS], level + 1.0)


@njit(cache=True)
def _shorten(totals: NDArray[np.float64], variances: NDArray[np.float64], by: int) -> None:
    """Take the oldest summaries off a level."""
    used = int(totals[0])
    for n in range(used):
        totals[1 + n] = totals[1 + n + by] if n + by < used else 0.0
        variances[n] = variances[n + by] if n + by < used else 0.0
    totals[0] -= by


@njit(cache=True)
def _differs(windows: Windows, measure: int, delta: float) -> bool:
    """Whether the means of an older and a newer part differ by more than chance allows."""
    sums, totals = windows.sums[measure], windows.totals[measure]
    older, newer, older_total, newer_total = 0.0, sums[WIDTH], 0.0, sums[TOTAL]
    spread = sums[VARIANCE] / sums[WIDTH]
    confidence = math.log(2.0 * math.log(sums[WIDTH]) / delta)
    for level in range(int(sums[LEVELS]) - 1, -1, -1):
        length = float(1 << level)
        for n in range(int(totals[level, 0])):
            older += length
            newer -= length
            older_total += totals[level, 1 + n]
            newer_total -= totals[level, 1 + n]
            if newer < _SHORTEST or older < _SHORTEST:
                continue
            apart = abs(older_total / older - newer_total / newer)
            parts = 1.0 / (older - _SHORTEST + 1.0) + 1.0 / (newer - _SHORTEST + 1.0)
            if apart > math.sqrt(2.0 * parts * spread * confidence) + 2.0 / 3.0 * confidence * parts:
                return True
    return False


@njit(cache=True)
def _drop_oldest(windows: Windows, measure: int) -> None:
    """Take the oldest summary out of the window."""
    sums, totals, variances = windows.sums[measure], windows.totals[measure], windows.variances[measure]
    level = int(sums[LEVELS]) - 1
    length, total = float(1 << level), totals[level, 1]
    sums[WIDTH] -= length
    sums[TOTAL] -= total
    apart = total / length - sums[TOTAL] / sums[WIDTH]
    sums[VARIANCE] -= variances[level, 0] + length * sums[WIDTH] * apart * apart / (length + sums[WIDTH])
    _shorten(totals[level], variances[level], 1)
    sums[SUMMARIES] -= 1.0
    if totals[level, 0] == 0.0 and level > 0:
        sums[LEVELS] -= 1.0


def packed(windows: Windows, measure: int, delta: float) -> NDArray[np.uint8]:
    """Return a window as the bytes that River pickles, uint8."""
    sums, levels = windows.sums[measure].tolist(), int(windows.sums[measure, LEVELS])
    rows = np.zeros(levels, _LEVEL)
    rows["most"], rows["n"], rows["m"] = _MOST, _MOST + 1, _MOST + 1
    rows["used"], rows["totals"] = windows.totals[measure, :levels, 0], windows.totals[measure, :levels, 1:7]
    rows["variances"] = windows.variances[measure, :levels]
    counts = [int(count) for count in sums[SUMMARIES:]]
    head = _HEAD.pack(delta, _CLOCK, _MOST, _SHORTEST, _GRACE, *sums[:LEVELS], *counts, 0, levels)
    tail = _TAIL.pack(delta, _CLOCK, _MOST, int(_SHORTEST), int(_GRACE))
    return np.frombuffer(head + rows.tobytes() + tail, np.uint8)


def unpack_into(windows: Windows, measure: int, state: NDArray[np.uint8]) -> None:
    """Make a window what `packed`, or River, stored; how sure it must be is not taken from there.

    Raises
    ------
    ValueError
        if these are other bytes
    """
    data, sums = state.tobytes(), windows.sums[measure]
    size = len(data) - _HEAD.size - _TAIL.size
    levels = _HEAD.unpack_from(data)[-1] if size > 0 else 0
    if not 0 < levels <= _LEVELS or size != levels * _LEVEL.itemsize:
        raise ValueError(f"a window of ADWIN must be River's own bytes; got {len(data)} others")
    found = _HEAD.unpack_from(data)
    rows = np.frombuffer(data, _LEVEL, levels, _HEAD.size)
    windows.totals[measure], windows.variances[measure] = 0.0, 0.0
    sums[:LEVELS], sums[LEVELS], sums[SUMMARIES:] = found[5:9], levels, found[9:12]
    windows.totals[measure, :levels, 0] = rows["used"]
    windows.totals[measure, :levels, 1:7] = rows["totals"]
    windows.variances[measure, :levels] = rows["variances"]
