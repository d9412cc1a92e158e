"""Drawing, compiled: the ranked user in the room gets a slate, which is written down together with the candidates."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.slates.disagreement.policy import draw_by
from stream.observe import NEW_EVENTS
from stream.ranking.desk import CANDIDATES, PAST, lists_of
from stream.ranking.negatives import pack_offered
from stream.ranking.pack import find_candidates, pack
from stream.ranking.reasons import note_reasons


@njit(cache=True)
def draw(
    held: Any, beliefs: Any, epsilon: float, floor: float, state: int, bits: NDArray[np.uint32], events: int,
    sheet: NDArray[np.uint8], slot: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Draw a slate as `Disagreement` does, without constraints, and write it down.

    Parameters
    ----------
    held : a `Desk`, with a user in its room
    beliefs, epsilon, floor : see `Drawing`
    bits : random bits of each slot, see `uniforms`
    """
    uniforms = bits.astype(np.float64) * 2.0**-32
    slate = draw_by(beliefs, epsilon, floor, state, lists_of(held.it.room.it), uniforms)
    write_down(held, slate.items, slate.sources, slate.offered_ranks, slate.propensities, events, sheet, slot)


@njit(cache=True)
def write_down(
    held: Any, items: NDArray[np.int32], sources: NDArray[np.uint8], offered_ranks: NDArray[np.uint8],
    propensities: NDArray[np.float32], events: int, sheet: NDArray[np.uint8], slot: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Write a slate of the user in the room to a sheet, see `Packed`, and the candidates to a slot, see `Offered`.

    Parameters
    ----------
    held : a `Desk`
    items, sources, offered_ranks, propensities : the slate
    events : seen so far
    """
    room, shelf = held.it.room.it, held.it.shelf.it
    count, past = room.counts[CANDIDATES], room.counts[PAST]
    known, scores = room.items[:count], room.ranking[:count]
    categories, new = _count_mix(shelf.category, shelf.born, events - NEW_EVENTS, items)
    at, reasons = find_candidates(items, known, room.place), np.empty(len(items), np.uint8)
    note_reasons(held.it.net.it, len(room.lengths), room.columns, count, room.units, at, sources, reasons)
    pack(
        sheet, items, sources, offered_ranks, propensities, lists_of(room), at, scores, reasons, room.place, categories,
        new,
    )  # fmt: skip
    pack_offered(slot, known, room.columns, scores, room.places[:count], room.times[:past])


@njit(cache=True)
def _count_mix(
    category: NDArray[np.int32], born: NDArray[np.int64], since: int, items: NDArray[np.int32]
) -> tuple[int, int]:
    """Distinct categories of some items, and how many of the items were born later than `since`; see `Mix`."""
    categories = new = 0
    for n, item in enumerate(items):
        first = True
        for other in items[:n]:
            first = first and category[other] != category[item]
        categories += first
        new += born[item] > since
    return categories, new
