"""A slate and its lists as the log keeps them: compiled code writes them into one array, a *sheet*, read in one go."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

PAD = 65535  # in place of an index: the list is shorter
_HEAD = 4  # int32: slots, items, and two counts of who calls


class Packed(NamedTuple):
    """What a sheet says."""

    items: list[int]  # every item of the slate and of the lists once, the slate's first and in order
    counts: tuple[int, int]  # as given
    propensities: bytes  # float32 [slots]
    scores: bytes  # float32 [slots] ranking scores, 0 of pinned items, which are no candidates
    lists: bytes  # uint16 [lists, width] indices into `items`, 65535 pads
    sources: bytes  # uint8 [slots]
    offered_ranks: bytes  # uint8 [slots, lists]
    reasons: bytes  # uint8 [slots], see `note_reasons`


class Sheet:
    """Room for one slate of at most so many slots, and its lists.

    Attributes
    ----------
    array : uint8, for compiled code
    """

    def __init__(self, slots: int, lists: int, width: int) -> None:
        self._lists, self._width = lists, width
        self.array = np.zeros(-(-_ends(slots, slots + lists * width, lists, width)[-1] // 4) * 4, np.uint8)
        self._bytes = self.array.data
        self._numbers = self._bytes.cast("i")

    def read(self) -> Packed:
        """Copy what was written."""
        slots, items, one, other = self._numbers[:_HEAD].tolist()
        a, b, c, d, e, f, g = _ends(slots, items, self._lists, self._width)
        data = self._bytes[:g].tobytes()
        return Packed(
            self._numbers[_HEAD : _HEAD + items].tolist(), (one, other), data[a:b], data[b:c], data[c:d], data[d:e],
            data[e:f], data[f:g],
        )  # fmt: skip


@register_jitable
def _ends(slots: int, items: int, lists: int, width: int) -> tuple[int, int, int, int, int, int, int]:
    """Where the items of a sheet end, and each of its parts after them: bytes."""
    a = 4 * (_HEAD + items)
    b = a + 4 * slots
    c = b + 4 * slots
    d = c + 2 * lists * width
    e = d + slots
    f = e + slots * lists
    return a, b, c, d, e, f, f + slots


@njit(cache=True)
def find_candidates(
    slate: NDArray[np.int32], known: NDArray[np.int32], place: NDArray[np.int32]
) -> NDArray[np.int32]:  # fmt: skip
    """Which of the items `known` each slot shows, -1: none. `place`: scratch for all items, -1 before and after."""
    at = np.full(len(slate), -1, np.int32)
    for n, item in enumerate(slate):
        place[item] = n
    for position in range(len(known)):
        if place[known[position]] >= 0:
            at[place[known[position]]] = position
    for item in slate:
        place[item] = -1
    return at


@njit(cache=True)
def pack(
    sheet: NDArray[np.uint8], slate: NDArray[np.int32], sources: NDArray[np.uint8], offered_ranks: NDArray[np.uint8],
    propensities: NDArray[np.float32], lists: NDArray[np.int32], at: NDArray[np.int32], scores: NDArray[np.float32],
    reasons: NDArray[np.uint8], place: NDArray[np.int32], one: int, other: int,
) -> None:  # fmt: skip
    """Write a slate, see `Packed`.

    `scores` are those of the candidates, `at` says which of them each slot shows, see `find_candidates`; `place` is
    scratch for all items, all -1 before and after; the last two are counts to be read again.
    """
    numbers, n = sheet.view(np.int32), 0
    items = numbers[_HEAD:]
    for item in slate:
        place[item], items[n] = n, item
        n += 1
    for s in range(lists.shape[0]):
        for item in lists[s]:
            if item >= 0 and place[item] < 0:
                place[item], items[n] = n, item
                n += 1
    numbers[0], numbers[1], numbers[2], numbers[3] = len(slate), n, one, other
    a, b, c, d, e, f, g = _ends(len(slate), n, lists.shape[0], lists.shape[1])
    shown, packed = sheet[b:c].view(np.float32), sheet[c:d].view(np.uint16)
    sheet[a:b].view(np.float32)[:], sheet[d:e], sheet[e:f], sheet[f:g] = (
        propensities, sources, offered_ranks.ravel(), reasons
    )  # fmt: skip
    for slot in range(len(slate)):
        shown[slot] = scores[at[slot]] if at[slot] >= 0 else 0.0
    n = 0
    for s in range(lists.shape[0]):
        for item in lists[s]:
            packed[n] = place[item] if item >= 0 else PAD
            n += 1
    for item in items[: numbers[1]]:
        place[item] = -1
