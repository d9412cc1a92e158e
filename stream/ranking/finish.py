"""Ranking, compiled: what was gathered gets features and the mixer's scores, and the best become list 0."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import best_first
from stream.ranking.features import Joined, Known, Moment, Past, describe
from stream.ranking.score import score_rows

CATEGORY_ITEMS = 10  # of the user's newest, whose categories are looked at


@njit(cache=True)
def finish(
    held: Any, count: int, past: Past, moment: Moment, events: int, weight: float, ranking: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.uint8], NDArray[np.float32], NDArray[np.int32]]:
    """Return items, rows, scores and places of the candidates in the room, see `Candidates`.

    Parameters
    ----------
    held : a `Desk`
    count : candidates in its room
    events : seen so far, see `Known`
    weight : of the mixer's share in the ranking score
    ranking : [1, k] for the best items, or [0, k]: they are not wanted
    """
    desk = held.it
    room, shelf = desk.room.it, desk.shelf.it
    items, places = room.items[:count].copy(), room.places[:count].copy()
    rows = describe(
        Joined(items, room.ranks, room.scores, places), past, past.items[:CATEGORY_ITEMS],
        Known(shelf.category, shelf.born, shelf.used, shelf.since, events), moment, desk.zero_if_seen,
    )  # fmt: skip
    scores = score_rows(desk.net.it, rows, weight)
    if len(ranking) > 0:
        best, _ = best_first(items, scores, ranking.shape[1])
        ranking[0, : len(best)] = best
    return items, rows, scores, places
