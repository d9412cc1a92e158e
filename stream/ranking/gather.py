"""Retrieval, compiled: the built-in sources propose, their proposals are joined, and they score what was joined.

    past ─> each source's best ─> candidates with ranks, lists ─> each source's score of every candidate

`gather` does all of it in one call. Where Python has a say, it calls `propose` and `join` itself: rules take proposals
out in between, and sources that are not on the board (`learners.board`) fill rows of their own.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners import ELIGIBLE, INELIGIBLE, NEVER, TOUCHED
from learners.content.rows import propose_content
from learners.content.scores import score_content
from learners.links.covisitation import propose_linked, score_linked, spread_links
from learners.links.sequential_rules import last_of, propose_ruled, score_ruled
from learners.neighbours.neighbourhood import propose_near, score_near
from learners.neighbours.session_search import find_sessions
from learners.neighbours.user_neighbours import find_users
from learners.popularity.categories import propose_shelved, score_shelved
from learners.popularity.popularity import propose_popular, score_popular
from learners.repeats.repeats import chances_of, propose_returns, score_returns
from stream.ranking.desk import CANDIDATES, PAST, WIDTH, Asker, Desk, Room, lists_of
from stream.state.users import RECENT_ITEMS

ROWS_MADE = 3  # of `Content` for one slate: each takes .1 to 1 ms


@njit(cache=True)
def gather(held: Any, asker: Asker, size: int, k: int, width: int, exclude_bought: bool, novel: bool) -> None:
    """Fill the room for a user: candidates, scores and lists of the sources.

    Parameters
    ----------
    held : a `Desk`
    size : known items
    k, width : items that a source proposes, and of a list
    exclude_bought, novel : whether what the user bought, or has seen at all, is left out
    """
    shelf, seen = held.it.shelf.it, asker.past.items
    blocked, mask = shelf.blocked, shelf.mask
    levels = own_levels(blocked, seen, asker.past.bought, exclude_bought, novel)
    for n in range(len(seen)):
        mask[seen[n]] = levels[n]
    propose(held, asker, size, k)
    for item in seen:
        mask[item] = blocked[item]
    join(held, asker, size, width)


@njit(cache=True)
def own_levels(
    blocked: NDArray[np.uint8], seen: NDArray[np.int32], bought: NDArray[np.float64], exclude_bought: bool, novel: bool
) -> NDArray[np.uint8]:
    """Levels of the user's own items: touched; ineligible if bought (`exclude_bought`) or any (`novel`)."""
    levels = blocked[seen]
    for n in range(len(seen)):
        if novel or (exclude_bought and bought[n] > NEVER):
            levels[n] = INELIGIBLE
        elif levels[n] == ELIGIBLE:
            levels[n] = TOUCHED
    return levels


@njit(cache=True)
def _put(room: Room, row: int, items: NDArray[np.int32]) -> None:
    room.lengths[row] = len(items)
    room.proposed[row, : len(items)] = items


@njit(cache=True)
def propose(held: Any, asker: Asker, size: int, k: int) -> None:
    """Put the best new items of each source on the board, and the best old ones of the last, into its row."""
    desk = held.it
    sources, rows, room, blocked = desk.sources, desk.rows, desk.room.it, desk.shelf.it.mask
    past, session, user, now = asker
    recent = past.items[:RECENT_ITEMS]
    asked = session if len(session) > 0 else recent
    if rows[0] >= 0:
        _put(room, rows[0], propose_popular(sources.popularity.it, size, blocked, k)[0])
    if rows[1] >= 0:
        _put(room, rows[1], propose_popular(sources.popularity_fast.it, size, blocked, k)[0])
    if rows[2] >= 0:
        spread_links(sources.covisitation.it, size, recent)
        _put(room, rows[2], propose_linked(sources.covisitation.it, blocked, k)[0])
    if rows[3] >= 0:
        _put(room, rows[3], propose_ruled(sources.sequential_rules.it, last_of(session, recent, size), blocked, k)[0])
    if rows[4] >= 0:
        find_sessions(sources.session_neighbours.it, user, now, asked, size)
        _put(room, rows[4], propose_near(sources.session_neighbours.it.scratch, blocked, k)[0])
    if rows[5] >= 0:
        find_users(sources.user_neighbours.it, user, recent, size)
        _put(room, rows[5], propose_near(sources.user_neighbours.it.scratch, blocked, k)[0])
    if rows[6] >= 0:
        _put(room, rows[6], propose_shelved(sources.categories.it, recent, size, blocked, k)[0])
    if rows[7] >= 0:
        made = min(
            ROWS_MADE, k
        )  # numba would compile another `propose_content` for a constant than for Python's number
        _put(room, rows[7], propose_content(sources.content.it, recent, size, blocked, k, made)[0])
    if rows[8] >= 0:
        chances = chances_of(sources.repeats.it.tables, recent, now, past.times, past.counts, past.kinds)
        _put(room, rows[8], propose_returns(recent, chances, size, blocked, k)[0])


@njit(cache=True)
def join(held: Any, asker: Asker, size: int, width: int) -> None:
    """Join the rows of proposals to candidates and score these by each source on the board; see `gather`.

    Rows lose what has expired, and then hold the places of their items among the candidates. A list is the head of a
    source's proposal, -1 pads; list 0 is left empty for the ranking.
    """
    desk = held.it
    room = desk.room.it
    proposed, lengths, items, place = room.proposed, room.lengths, room.items, room.place
    seen, expires, now = asker.past.items, desk.shelf.it.expires, asker.now
    room.counts[PAST], room.counts[WIDTH] = len(seen), width
    room.times[: len(seen)] = asker.past.times
    lists, count = lists_of(room), 0
    lists[:] = -1
    for s in range(len(lengths)):
        rank = 0
        for n in range(lengths[s]):
            item = proposed[s, n]
            if expires[item] <= now:
                continue
            if place[item] < 0:
                place[item], items[count] = count, item
                count += 1
            proposed[s, rank] = place[item]
            if rank < width:
                lists[1 + s, rank] = item
            rank += 1
        lengths[s] = rank
    for n in range(count):
        place[items[n]] = -1
    place_past(room, seen, count)
    room.counts[CANDIDATES] = count
    score_joined(desk, asker, size, items[:count])


@njit(cache=True)
def place_past(room: Room, seen: NDArray[np.int32], count: int) -> None:
    """Note which of the user's past, `seen`, each of so many candidates is."""
    place, places, items = room.place, room.places, room.items
    for position in range(len(seen)):
        place[seen[position]] = position
    for n in range(count):
        places[n] = place[items[n]]
    for item in seen:
        place[item] = -1


@njit(cache=True)
def score_joined(desk: Desk, asker: Asker, size: int, items: NDArray[np.int32]) -> None:
    """Let each source on the board score the candidates; what it found for its proposals still stands."""
    sources, rows, scores = desk.sources, desk.rows, desk.room.it.scores[:, : len(items)]
    past, session, _, now = asker
    recent = past.items[:RECENT_ITEMS]
    if rows[0] >= 0:
        score_popular(sources.popularity.it, size, items, scores[rows[0]])
    if rows[1] >= 0:
        score_popular(sources.popularity_fast.it, size, items, scores[rows[1]])
    if rows[2] >= 0:
        score_linked(sources.covisitation.it, size, items, scores[rows[2]])
    if rows[3] >= 0:
        score_ruled(sources.sequential_rules.it, last_of(session, recent, size), size, items, scores[rows[3]])
    if rows[4] >= 0:
        score_near(sources.session_neighbours.it.scratch, size, items, scores[rows[4]])
    if rows[5] >= 0:
        score_near(sources.user_neighbours.it.scratch, size, items, scores[rows[5]])
    if rows[6] >= 0:
        score_shelved(sources.categories.it, recent, size, items, scores[rows[6]])
    if rows[7] >= 0:
        score_content(sources.content.it, recent, size, items, scores[rows[7]])
    if rows[8] >= 0:
        chances = chances_of(sources.repeats.it.tables, recent, now, past.times, past.counts, past.kinds)
        score_returns(recent, chances, size, sources.repeats.it.place, items, scores[rows[8]])
