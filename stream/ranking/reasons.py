"""What speaks most for the items of a slate: the largest contribution to the ranking, noted as a slate is drawn."""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits import PINNED
from learners.ranking.mixer import Net
from stream.ranking.features import OWN, PER_SOURCE

USER_COLUMNS = ("gap", "history", "depth", "repeat_rate", "after_click", "after_purchase")  # equal for all candidates
NOTHING = 0  # in place of a reason
FOLLOWS = 255  # the same: its place was not drawn, the item was given and stands where the ranking has it
_LEVEL = np.float32(1.0 / 255.0)
_OWN_GROUPS = np.array([n for n, name in enumerate(OWN) if name not in USER_COLUMNS], np.int64)
_WIDTH = len(PER_SOURCE)


def groups(sources: Sequence[str]) -> dict[str, list[int]]:
    """Columns that are reported together: those of a source, and each of the user's own.

    >>> groups(["popularity"])["popularity"], groups(["popularity"])["seen"]
    ([0, 1, 2], [3])
    """
    found = {source: list(range(_WIDTH * n, _WIDTH * n + _WIDTH)) for n, source in enumerate(sources)}
    own = {name: [_WIDTH * len(sources) + n] for n, name in enumerate(OWN) if name not in USER_COLUMNS}
    return found | own


def reason_names(sources: Sequence[str]) -> tuple[str, ...]:
    """What the numbers of `note_reasons` mean: a group of features, after `less ` where the item has less of it.

    >>> reason_names(["popularity"])[:5]
    ('', 'less popularity', 'popularity', 'less seen', 'seen')
    """
    return ("", *(prefix + name for name in groups(sources) for prefix in ("less ", "")))


@njit(cache=True)
def note_reasons(
    net: Net, sources: int, rows: NDArray[np.uint8], at: NDArray[np.int32], filled: NDArray[np.uint8],
    reasons: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Write for each slot of a slate which group of features contributes most to the mixer's score of its item.

    A contribution is by how much the score falls when the group is set to the average candidate's (ablation), as in an
    explanation. The first of equal ones counts.

    Parameters
    ----------
    sources : of the model; their groups come first
    rows : uint8 [candidates, columns] features; further columns than the mixer has are not read
    at : int32 [slots] which candidate a slot shows, -1: none
    filled : uint8 [slots] by what
    reasons : uint8 [slots], written: see `reason_names`; `NOTHING` for pinned items, and where nothing speaks for it
    """
    reasons[:] = NOTHING
    if len(rows) == 0:
        return
    linear, inner, out = net.linear[0], net.hidden[0], net.out[0]
    width, slots, average = len(linear), len(at), _average(rows, len(linear))
    values, steps = np.zeros((width, slots), np.float32), np.zeros((width, slots), np.float32)
    for n in range(slots):
        if at[n] >= 0 and filled[n] != PINNED:
            row = rows[at[n]]
            for f in range(width):
                values[f, n] = np.float32(row[f]) * _LEVEL
                steps[f, n] = np.float32(np.int64(average[f]) - np.int64(row[f])) * _LEVEL
    base, whole = _forward(inner, out, values)
    nats, most = np.empty(slots, np.float32), np.zeros(slots, np.float32)
    for group in range(sources + len(_OWN_GROUPS)):
        own = group - sources
        first = _WIDTH * sources + _OWN_GROUPS[own] if own >= 0 else _WIDTH * group
        last = first + (1 if own >= 0 else _WIDTH)
        nats[:] = whole
        _contribute(linear[first:last], inner[first:last], out, base, steps[first:last], nats)
        for n in range(slots):
            if nats[n] > most[n]:
                above, moves = np.int64(0), False
                for f in range(first, last):
                    more = np.int64(rows[at[n], f]) - np.int64(average[f])
                    above, moves = above + more, moves or more != 0
                if moves:
                    most[n], reasons[n] = nats[n], 1 + 2 * group + (above > 0)


# All loops end with one over the slots: they are added up side by side, always in the same order.


@njit(cache=True)
def _forward(
    inner: NDArray[np.float32], out: NDArray[np.float32], values: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What goes into the hidden units, [units, slots], and what comes out of them in all, [slots]."""
    width, slots = values.shape
    base, whole = np.empty((len(out), slots), np.float32), np.zeros(slots, np.float32)
    for h in range(len(out)):
        base[h] = inner[width, h]
        for f in range(width):
            for n in range(slots):
                base[h, n] += inner[f, h] * values[f, n]
        for n in range(slots):
            whole[n] += out[h] * max(base[h, n], np.float32(0.0))
    return base, whole


@njit(cache=True)
def _contribute(
    linear: NDArray[np.float32], inner: NDArray[np.float32], out: NDArray[np.float32], base: NDArray[np.float32],
    steps: NDArray[np.float32], nats: NDArray[np.float32],
) -> None:  # fmt: skip
    """Take from `nats` what comes out when one column, or the three of a source, move by `steps`, [columns, slots]."""
    for f in range(len(steps)):
        for n in range(len(nats)):
            nats[n] -= linear[f] * steps[f, n]
    for h in range(len(out)):
        if len(steps) == 1:
            for n in range(len(nats)):
                nats[n] -= out[h] * max(base[h, n] + inner[0, h] * steps[0, n], np.float32(0.0))
        else:  # to keep what goes into a unit would take longer
            for n in range(len(nats)):
                moved = base[h, n] + inner[0, h] * steps[0, n] + inner[1, h] * steps[1, n] + inner[2, h] * steps[2, n]
                nats[n] -= out[h] * max(moved, np.float32(0.0))


@njit(cache=True)
def _average(rows: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """The average candidate, in whole levels."""
    total = np.zeros(width, np.int64)
    for i in range(len(rows)):
        for f in range(width):
            total[f] += rows[i, f]
    average = np.empty(width, np.uint8)
    for f in range(width):
        average[f] = round(total[f] / len(rows))
    return average
