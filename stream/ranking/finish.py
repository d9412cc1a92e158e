"""Ranking, compiled: what was gathered gets features and the mixer's scores, and the best become list 0."""

from typing import Any

from numba import njit

from learners import best_first
from stream.ranking.desk import CANDIDATES, lists_of
from stream.ranking.features import Joined, Known, Moment, Past, describe
from stream.ranking.score import score_columns

CATEGORY_ITEMS = 10  # of the user's newest, whose categories are looked at


@njit(cache=True)
def finish(held: Any, past: Past, moment: Moment, events: int, weight: float, plain: bool) -> None:
    """Write features and ranking scores of the candidates in the room.

    Parameters
    ----------
    held : a `Desk`
    events : seen so far, see `Known`
    weight : of the mixer's share in the ranking score
    plain : whether this share alone ranks: then the best go to list 0
    """
    desk = held.it
    room, shelf = desk.room.it, desk.shelf.it
    count = room.counts[CANDIDATES]
    items, scores = room.items[:count], room.ranking[:count]
    describe(
        Joined(items, room.proposed, room.lengths, room.scores, room.places[:count]), past,
        past.items[:CATEGORY_ITEMS], Known(shelf.category, shelf.born, shelf.used, shelf.since, events), moment,
        desk.zero_if_seen, room.columns,
    )  # fmt: skip
    scores[:] = score_columns(desk.net.it, room.columns, count, room.units, weight)
    if plain:
        lists = lists_of(room)
        best, _ = best_first(items, scores, lists.shape[1])
        lists[0, : len(best)] = best
