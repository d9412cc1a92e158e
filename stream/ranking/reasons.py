"""What speaks most for the items of a slate: the largest contribution to the ranking, noted as a slate is drawn."""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits import PINNED
from learners.ranking.shares import LEVEL, Net
from stream.ranking.features import OWN, PER_SOURCE

USER_COLUMNS = ("gap", "history", "depth", "repeat_rate", "after_click", "after_purchase")  # equal for all candidates
NOTHING = 0  # in place of a reason
FOLLOWS = 255  # the same: its place was not drawn, the item was given and stands where the ranking has it
_OWN_GROUPS = np.array([n for n, name in enumerate(OWN) if name not in USER_COLUMNS], np.int64)
_WIDTH = len(PER_SOURCE)
_LANES = 32  # slots worked on at once: what is left over would be done one by one


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
    net: Net, sources: int, columns: NDArray[np.uint8], count: int, units: NDArray[np.float32], at: NDArray[np.int32],
    filled: NDArray[np.uint8], reasons: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Write for each slot of a slate which group of features contributes most to the mixer's score of its item.

    A contribution is by how much the score falls when the group is set to the average candidate's (ablation), as in an
    explanation. The first of equal ones counts.

    Parameters
    ----------
    sources : of the model; their groups come first
    columns, count, units : features of the candidates, and what went into the hidden units: see `scores_of`
    at : int32 [slots] which candidate a slot shows, -1: none
    filled : uint8 [slots] by what
    reasons : uint8 [slots], written: see `reason_names`; `NOTHING` for pinned items, and where nothing speaks for it
    """
    reasons[:] = NOTHING
    slots = np.flatnonzero((at >= 0) & (filled != PINNED))
    if len(slots) == 0:
        return
    linear, inner, out, shown = net.linear[0], net.hidden[0], net.out[0], at[slots]
    lanes = -(-len(slots) // _LANES) * _LANES
    base, whole = np.zeros((len(out), lanes), np.float32), np.zeros(lanes, np.float32)
    for h in range(len(out)):
        for n in range(len(slots)):
            base[h, n] = units[h, shown[n]]
        for n in range(lanes):
            whole[n] += out[h] * max(base[h, n], np.float32(0.0))
    steps, nats, most = np.zeros((_WIDTH, lanes), np.float32), np.empty(lanes, np.float32), np.zeros(lanes, np.float32)
    more, moves = np.empty(lanes, np.int64), np.empty(lanes, np.bool_)
    for group in range(sources + len(_OWN_GROUPS)):
        own = group - sources
        first = _WIDTH * sources + _OWN_GROUPS[own] if own >= 0 else _WIDTH * group
        width = 1 if own >= 0 else _WIDTH
        more[:], moves[:], nats[:] = 0, False, whole
        for f in range(width):
            column = columns[first + f]
            average = _average(column, count)
            for n in range(len(slots)):
                above = np.int64(column[shown[n]]) - average
                steps[f, n] = np.float32(-above) * LEVEL
                more[n], moves[n] = more[n] + above, moves[n] or above != 0
        if not moves[: len(slots)].any():
            continue
        _contribute(linear[first : first + width], inner[first : first + width], out, base, steps, nats)
        for n in range(len(slots)):
            if nats[n] > most[n] and moves[n]:
                most[n], reasons[slots[n]] = nats[n], 1 + 2 * group + (more[n] > 0)


@njit(cache=True)
def _contribute(
    linear: NDArray[np.float32], inner: NDArray[np.float32], out: NDArray[np.float32], base: NDArray[np.float32],
    steps: NDArray[np.float32], nats: NDArray[np.float32],
) -> None:  # fmt: skip
    """Take from `nats` what comes out when one column, or the three of a source, move by `steps`, [columns, lanes].

    All loops end with one over the lanes: they are added up side by side, always in the same order.
    """
    for f in range(len(linear)):
        for n in range(len(nats)):
            nats[n] -= linear[f] * steps[f, n]
    for h in range(len(out)):
        if len(linear) == 1:
            for n in range(len(nats)):
                nats[n] -= out[h] * max(base[h, n] + inner[0, h] * steps[0, n], np.float32(0.0))
        else:  # to keep what goes into a unit would take longer
            for n in range(len(nats)):
                moved = base[h, n] + inner[0, h] * steps[0, n] + inner[1, h] * steps[1, n] + inner[2, h] * steps[2, n]
                nats[n] -= out[h] * max(moved, np.float32(0.0))


@njit(cache=True)
def _average(column: NDArray[np.uint8], count: int) -> int:
    """The average candidate's, in whole levels."""
    total = 0
    for level in column[:count]:
        total += level
    return round(total / count)
