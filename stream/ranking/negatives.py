"""Which candidates of a slate the ranker learns from, once one of them was taken."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from stream.ranking.features import retime

TRIES = 4  # random candidates, the best of which is a hard one
_HEAD = 24  # bytes: three int64, numbers of candidates, of columns and of the user's items


class Offered(NamedTuple):
    """The candidates of a slate, as `Candidates` has them; in a slot, views of it."""

    items: NDArray[np.int32]  # [n]
    features: NDArray[np.uint8]  # [n, columns of the ranking]
    scores: NDArray[np.float32]  # [n]
    places: NDArray[np.int32]  # [n] in the user's past
    times: NDArray[np.float64]  # [m] of the user's past


@register_jitable
def offered_bytes(count: int, columns: int, past: int) -> int:
    """Room that `pack_offered` needs for so many candidates, of so many columns, and items of the user's past."""
    return int(_HEAD + 8 * past + (12 + columns) * count)


@njit(cache=True)
def pack_offered(
    slot: NDArray[np.uint8], items: NDArray[np.int32], columns: NDArray[np.uint8], scores: NDArray[np.float32],
    places: NDArray[np.int32], times: NDArray[np.float64],
) -> None:  # fmt: skip
    """Write what `rows_of` needs of an `Offered` into one array, which is written to again and again.

    `columns` are the features, [columns, >= candidates].

    Candidates wait for minutes. In arrays of their own, 30 KB a user would be allocated and freed with every slate.
    """
    head = slot[:_HEAD].view(np.int64)
    n, head[0], head[1], head[2] = len(items), len(items), len(columns), len(times)
    at = unpack_offered(slot)
    at.items[:], at.scores[:], at.places[:], at.times[:] = items, scores, places, times
    into = at.features.T
    for f in range(len(columns)):
        into[f] = columns[f, :n]


@njit(cache=True)
def unpack_offered(slot: NDArray[np.uint8]) -> Offered:
    """Look at what `pack_offered` wrote."""
    n, width, m = slot[:_HEAD].view(np.int64)
    a = _HEAD + 8 * m
    b = a + 4 * n
    c = b + 4 * n
    d = c + 4 * n
    return Offered(
        slot[a:b].view(np.int32), slot[d : d + n * width].reshape((width, n)).T, slot[b:c].view(np.float32),
        slot[c:d].view(np.int32), slot[_HEAD:a].view(np.float64),
    )  # fmt: skip


@njit(cache=True)
def rows_of(
    slot: NDArray[np.uint8], item: int, hard: int, uniforms: NDArray[np.float64], own: int, gap: float, now: float
) -> tuple[NDArray[np.uint8], bool, int]:
    """Return rows of the item taken, if it was a candidate, and of a sample of the others, as of now.

    Parameters
    ----------
    slot : the candidates of the last slate, as `pack_offered` wrote them
    item : that was taken
    hard : how many of the sample are hard ones
    uniforms : [uniform + hard * TRIES] in [0, 1)
    own : the first of the user's columns
    gap, now : seconds since the user's last event, event time

    Returns
    -------
    The rows, that of `item` first; whether it is there; how many others there were (0: nothing to learn).
    """
    items, features, scores, places, times = unpack_offered(slot)
    place = -1
    for n in range(len(items)):
        if items[n] == item:
            place = n
    taken = place >= 0
    others = len(items) - taken
    picks = sample(scores, place, hard, uniforms) if others > 0 else np.empty(0, np.int64)
    rows, of = np.empty((taken + len(picks), features.shape[1]), np.uint8), np.empty(taken + len(picks), np.int32)
    for n in range(len(rows)):
        pick = place if taken and n == 0 else picks[n - taken]
        rows[n], of[n] = features[pick], places[pick]
    retime(times, of, gap, now, rows[:, own:])
    return rows, taken, others


@njit(cache=True)
def write_rows(
    slot: NDArray[np.uint8], item: int, hard: int, bits: NDArray[np.uint32], own: int, gap: float, now: float,
    out: NDArray[np.uint8],
) -> tuple[int, bool, int]:  # fmt: skip
    """Do what `rows_of` does with uniforms of 32 bits each, and write the rows into `out`; return their bytes first.

    An array that Python is given takes longer than the copy.
    """
    uniforms = np.empty(len(bits))
    for n in range(len(bits)):
        uniforms[n] = bits[n] * 2.0**-32
    rows, taken, others = rows_of(slot, item, hard, uniforms, own, gap, now)
    out[: rows.size] = rows.reshape(-1)
    return rows.size, taken, others


@njit(cache=True)
def sample(scores: NDArray[np.float32], place: int, hard: int, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Sample candidates other than `place`; the last `hard` ones are each the best of `TRIES` random ones.

    Random candidates alone are soon too easy to learn from; from the best alone, the mixer forgets how they differ
    from the rest.
    """
    others, uniform = len(scores) - (place >= 0), len(uniforms) - hard * TRIES
    tries = (uniforms * others).astype(np.int64)
    if place >= 0:
        tries += tries >= place  # step over the one that was taken
    picks = tries[: uniform + hard].copy()
    for n in range(hard):
        best = tries[uniform + n * TRIES]
        for other in tries[uniform + n * TRIES : uniform + (n + 1) * TRIES]:
            if scores[other] > scores[best]:
                best = other
        picks[uniform + n] = best
    return picks
