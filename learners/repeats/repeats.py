"""What this user will come back for: repeats in the order that users are seen to return in."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import INELIGIBLE, Impersonal, Interaction, Query, State, require_known
from learners.interactions import Interactions, require_all_known

_UNIT_LIMIT = 2.0**512  # a power of two rescales exactly
_PSEUDO_EVENTS = 20.0  # of the prior in every cell
_NEWEST = 0.3  # prior chance that the next event is on the item of the last one
_GAPS = 11  # classes of the time since the last event on the item: below 4 s, 16 s, 64 s, ..., 12 days, beyond
_TIMES = 5  # classes of the number of events on it: 1, 2, 3-4, 5-8, more
_NEAR = 5  # classes of recency ranks: 0, 1, 2-3, 4-9, beyond
_KINDS = 3


@njit(cache=True)
def _class_of(number: float, first: float, factor: float, classes: int) -> int:
    """Class of a number on a scale whose steps grow by `factor`; exact, no logarithm is rounded."""
    found, limit = 0, first
    while number >= limit and found < classes - 1:
        found, limit = found + 1, limit * factor
    return found


@njit(cache=True)
def _cells(rank: int, gap: float, times: int, kind: int) -> tuple[int, int]:
    """Cells of the two lift tables: by rank and gap, by times and kind."""
    near = rank if rank < 2 else (2 if rank < 4 else (3 if rank < 10 else 4))
    return near * _GAPS + _class_of(gap, 4.0, 4.0, _GAPS), _class_of(times - 1.0, 1.0, 2.0, _TIMES) * _KINDS + kind


@njit(cache=True)
def _base(ranks: NDArray[np.float64], rank: int, unit: float) -> float:
    """Share of events on the item at this recency rank; beyond the ranks ever told it falls on as 1 / (1 + rank)."""
    known = rank
    while known > 0 and ranks[known, 1] == 0.0:
        known -= 1
    prior = _PSEUDO_EVENTS * unit
    share = (ranks[known, 0] + prior * _NEWEST / (1.0 + known)) / (ranks[known, 1] + prior)
    return float(share * (1.0 + known) / (1.0 + rank))


@njit(cache=True)
def _lift(table: NDArray[np.float64], cell: int, unit: float) -> float:
    """Returns per expected return in a cell."""
    return float((table[cell, 0] + _PSEUDO_EVENTS * unit) / (table[cell, 1] + _PSEUDO_EVENTS * unit))


@njit(cache=True)
def _learn(
    item: int, recent: NDArray[np.int32], now: float, times: NDArray[np.float64], counts: NDArray[np.int32],
    kinds: NDArray[np.uint8], unit: float, ranks: NDArray[np.float64], gaps: NDArray[np.float64],
    uses: NDArray[np.float64],
) -> None:  # fmt: skip
    """Count for every recent item whether it was this one; each table expects what the tables before it say."""
    for rank in range(min(len(recent), len(ranks)) - 1, -1, -1):  # a rank not told before leans on those before it
        came = unit if recent[rank] == item else 0.0
        gap_cell, use_cell = _cells(rank, now - times[rank], counts[rank], kinds[rank])
        chance = _base(ranks, rank, unit)
        lifted = chance * _lift(gaps, gap_cell, unit)
        gaps[gap_cell, 0] += came
        gaps[gap_cell, 1] += unit * chance
        uses[use_cell, 0] += came
        uses[use_cell, 1] += unit * lifted
        ranks[rank, 0] += came
        ranks[rank, 1] += unit


@njit(cache=True)
def _learn_all(
    items: NDArray[np.int32], nows: NDArray[np.float64], starts: NDArray[np.int64], recent: NDArray[np.int32],
    times: NDArray[np.float64], counts: NDArray[np.int32], kinds: NDArray[np.uint8], growth: float,
    unit: NDArray[np.float64], ranks: NDArray[np.float64], gaps: NDArray[np.float64], uses: NDArray[np.float64],
) -> None:  # fmt: skip
    for n in range(len(items)):
        start, end = starts[n], starts[n + 1]
        if start == end or np.isnan(times[start]):
            continue
        unit[0] *= growth
        _learn(
            items[n], recent[start:end], nows[n], times[start:end], counts[start:end], kinds[start:end], unit[0],
            ranks, gaps, uses,
        )  # fmt: skip
        if unit[0] >= _UNIT_LIMIT:
            scale = 1.0 / _UNIT_LIMIT
            unit *= scale
            ranks *= scale
            gaps *= scale
            uses *= scale


@njit(cache=True)
def _chances(
    recent: NDArray[np.int32], now: float, times: NDArray[np.float64], counts: NDArray[np.int32],
    kinds: NDArray[np.uint8], unit: float, ranks: NDArray[np.float64], gaps: NDArray[np.float64],
    uses: NDArray[np.float64],
) -> NDArray[np.float32]:  # fmt: skip
    chances = np.empty(len(recent), np.float32)
    for rank in range(len(recent)):
        gap_cell, use_cell = _cells(rank, now - times[rank], counts[rank], kinds[rank])
        chances[rank] = _base(ranks, rank, unit) * _lift(gaps, gap_cell, unit) * _lift(uses, use_cell, unit)
    return chances


@njit(cache=True)
def eligible(
    recent: NDArray[np.int32], scores: NDArray[np.float32], size: int, blocked: NDArray[np.uint8]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Leave out the `INELIGIBLE` and the unknown of a user's items."""
    items, kept = np.empty(len(recent), np.int32), np.empty(len(recent), np.float32)
    found = 0
    for rank, item in enumerate(recent):
        if 0 <= item < size and blocked[item] != INELIGIBLE:
            items[found], kept[found] = item, scores[rank]
            found += 1
    return items[:found], kept[:found]


@njit(cache=True)
def look_up(
    recent: NDArray[np.int32], scores: NDArray[np.float32], size: int, place: NDArray[np.int32],
    items: NDArray[np.int32],
) -> NDArray[np.float32]:  # fmt: skip
    """Scores of some items, 0 where they are not among the user's; `place` is scratch, all -1 before and after."""
    for rank, item in enumerate(recent):
        if 0 <= item < size:
            place[item] = rank
    found = np.zeros(len(items), np.float32)
    for n, item in enumerate(items):
        if 0 <= item < size and place[item] >= 0:
            found[n] = scores[place[item]]
    for item in recent:
        if 0 <= item < size:
            place[item] = -1
    return found


def by_recency(recent: NDArray[np.int32], newest: float = 1.0) -> NDArray[np.float32]:
    """Scores where nothing is told but the order: `newest` / (1 + rank)."""
    ranks = np.arange(1, len(recent) + 1, dtype=np.float32)
    return np.float32(newest) / ranks


class Repeats(Impersonal):
    r"""The user's own last items by the chance that the next event is on them.

    $$score(i) = P(rank_i) \cdot L(rank_i, gap_i) \cdot L'(times_i, kind_i)$$

    $P$ is the share of all users' events that came back to that recency rank. The lifts are decayed tables of returns
    per expected return: $L$ by the class of the rank and of the time since the user's last event on the item, $L'$ by
    how often he had one and the kind of the last. So it is learned, not given, whether people look at the same thing
    twice in a row, come back to what they put into the basket, or never look again at what they bought. The product
    is a chance up to the error of its parts: it may pass 1 while they learn.

    Interactions that do not tell the past teach nothing, and queries without it are answered in order of recency. An
    interaction may tell less than 50 items (a log record carries ten): the lifts hold for the rest.

    Parameters
    ----------
    history
        Distinct items proposed at most, > 0.
    half_life
        Events, of all users, after which a return counts half; > 0.

    Examples
    --------
    >>> from learners.base import Past
    >>> source, two = Repeats(), np.array([0, 1], np.int32)
    >>> source.add_item(1)
    >>> past = Past(np.array([60.0, 0.0]), np.array([1, 1], np.int32), np.array([2, 1], np.uint8),
    ...             np.array([60.0, -np.inf]))
    >>> for _ in range(100):  # everybody returns to the last item but one
    ...     source.learn_one(Interaction(1, 0, 90.0, two, two, past=past))
    >>> query = Query(two, 90.0, two, past=past)
    >>> [column.tolist() for column in source.top_k(query, 2, np.full(2, 2, np.uint8))]
    [[1, 0], [1.18, 0.02]]

    References
    ----------
    Anderson, Kumar, Tomkins, Vassilvitskii: The dynamics of repeat consumption. WWW 2014 (recency above all, then the
    number of times); the tables are this project's.
    """

    name = "repeats"
    proposes_touched = True

    def __init__(self, history: int = 50, half_life: float = 20_000) -> None:
        self.history = history
        self._growth = 2.0 ** (1.0 / half_life)
        self._unit = np.ones(1)  # weight of an event of now
        self._ranks = np.zeros((history, 2))  # returns, events
        self._gaps = np.zeros((_NEAR * _GAPS, 2))  # returns, expected returns
        self._uses = np.zeros((_TIMES * _KINDS, 2))
        self._size = np.zeros(1, np.int64)
        self._place = np.full(16, -1, np.int32)  # scratch, all -1 between calls

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._size[0] = max(self._size[0], item + 1)
        self._place = grown(self._place, item + 1, fill=-1)

    def learn_one(self, event: Interaction) -> None:
        """Learn which of the user's items he came back to, if any."""
        require_known(self.name, event.item, int(self._size[0]))
        if len(event.past.times) == 0:
            return
        self.learn_many(Interactions.of([event]))

    def learn_many(self, events: Interactions) -> None:
        """Learn events in their order."""
        require_all_known(self.name, events.items, int(self._size[0]))
        past = events.past
        _learn_all(
            events.items, events.times, events.starts, events.recent, past.times, past.counts, past.kinds,
            self._growth, self._unit, self._ranks, self._gaps, self._uses,
        )  # fmt: skip

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the user's items that he most probably returns to, except `INELIGIBLE` ones."""
        recent = query.recent[: self.history]
        items, scores = eligible(recent, self._scores(query), int(self._size[0]), blocked)
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = best_first(items, scores, k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return about the chance that the next event is on each item, 0 for those not seen."""
        recent = query.recent[: self.history]
        scores: NDArray[np.float32] = look_up(recent, self._scores(query), int(self._size[0]), self._place, items)
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the tables."""
        return {
            "unit": self._unit, "ranks": self._ranks, "gaps": self._gaps, "uses": self._uses, "size": self._size,
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._unit = np.array(state["unit"], np.float64)
        self._ranks = np.array(state["ranks"], np.float64)
        self._gaps = np.array(state["gaps"], np.float64)
        self._uses = np.array(state["uses"], np.float64)
        self._size = np.array(state["size"], np.int64)
        self._place = np.full(max(16, int(self._size[0])), -1, np.int32)

    def _scores(self, query: Query) -> NDArray[np.float32]:
        recent = query.recent[: self.history]
        if len(query.past.times) == 0:
            return by_recency(recent, _NEWEST)
        chances: NDArray[np.float32] = _chances(
            recent, query.time, query.past.times, query.past.counts, query.past.kinds, self._unit[0],
            self._ranks, self._gaps, self._uses,
        )  # fmt: skip
        return chances
