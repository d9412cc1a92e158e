"""What this user will come back for: repeats in the order that users are seen to return in."""

from typing import Any, NamedTuple

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


class Tables(NamedTuple):
    """What is counted, for compiled code: two columns each, returns and how many were possible or expected."""

    ranks: NDArray[np.float64]  # [history, 2] returns, events
    gaps: NDArray[np.float64]  # [_NEAR * _GAPS, 2] returns, expected returns
    uses: NDArray[np.float64]  # [_TIMES * _KINDS, 2] the same
    unit: NDArray[np.float64]  # [1] weight of an event of now
    growth: float  # of the unit, an event


class Returns(NamedTuple):
    """The tables and a scratch, for compiled code."""

    tables: Tables
    place: NDArray[np.int32]  # [items] all -1 between calls


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
    """Share of events on the item at this recency rank; beyond the ranks seen so far it falls as 1 / (1 + rank)."""
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
    tables: Tables, item: int, now: float, recent: NDArray[np.int32], times: NDArray[np.float64],
    counts: NDArray[np.int32], kinds: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Count for every recent item whether it was this one; each table expects what the tables before it predict."""
    ranks, gaps, uses, unit = tables.ranks, tables.gaps, tables.uses, tables.unit[0]
    for rank in range(min(len(recent), len(ranks)) - 1, -1, -1):  # a rank not seen before is estimated by those before
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
def learn_returns(
    tables: Tables, items: NDArray[np.int32], nows: NDArray[np.float64], starts: NDArray[np.int64],
    recent: NDArray[np.int32], times: NDArray[np.float64], counts: NDArray[np.int32], kinds: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Learn events in their order, except those whose user's past is unknown: its times are nan."""
    ranks, gaps, uses, unit, growth = tables
    for n in range(len(items)):
        start, end = starts[n], starts[n + 1]
        if start == end or np.isnan(times[start]):
            continue
        unit[0] *= growth
        _learn(
            tables, items[n], nows[n], recent[start:end], times[start:end], counts[start:end], kinds[start:end]
        )  # fmt: skip
        if unit[0] >= _UNIT_LIMIT:
            scale = 1.0 / _UNIT_LIMIT
            unit *= scale
            ranks *= scale
            gaps *= scale
            uses *= scale


@njit(cache=True)
def chances_of(
    tables: Tables, recent: NDArray[np.int32], now: float, times: NDArray[np.float64], counts: NDArray[np.int32],
    kinds: NDArray[np.uint8],
) -> NDArray[np.float32]:  # fmt: skip
    """Return about the chance that the next event is on each of a user's recent items."""
    ranks, gaps, uses, units, _ = tables
    unit = units[0]
    chances = np.empty(len(recent), np.float32)
    for rank in range(len(recent)):
        gap_cell, use_cell = _cells(rank, now - times[rank], counts[rank], kinds[rank])
        chances[rank] = _base(ranks, rank, unit) * _lift(gaps, gap_cell, unit) * _lift(uses, use_cell, unit)
    return chances


@njit(cache=True)
def propose_returns(
    recent: NDArray[np.int32], scores: NDArray[np.float32], size: int, blocked: NDArray[np.uint8], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the k best of a user's items, without the `INELIGIBLE` and the unknown ones."""
    items, kept = np.empty(len(recent), np.int32), np.empty(len(recent), np.float32)
    found = 0
    for rank, item in enumerate(recent):
        if 0 <= item < size and blocked[item] != INELIGIBLE:
            items[found], kept[found] = item, scores[rank]
            found += 1
    return best_first(items[:found], kept[:found], k)


@njit(cache=True)
def score_returns(
    recent: NDArray[np.int32], own: NDArray[np.float32], size: int, place: NDArray[np.int32], items: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> None:  # fmt: skip
    """Write the score of each item, 0 of those that are not the user's; `place` is scratch, all -1 before and after."""
    for rank, item in enumerate(recent):
        if 0 <= item < size:
            place[item] = rank
    for n, item in enumerate(items):
        scores[n] = own[place[item]] if 0 <= item < size and place[item] >= 0 else 0.0
    for item in recent:
        if 0 <= item < size:
            place[item] = -1


def by_recency(recent: NDArray[np.int32], newest: float = 1.0) -> NDArray[np.float32]:
    """Scores where only the order is known: `newest` / (1 + rank)."""
    ranks = np.arange(1, len(recent) + 1, dtype=np.float32)
    return np.float32(newest) / ranks


class Repeats(Impersonal):
    r"""The user's own last items by the chance that the next event is on them.

    $$score(i) = P(rank_i) \cdot L(rank_i, gap_i) \cdot L'(times_i, kind_i)$$

    $P$ is the share of all users' events that came back to that recency rank. The lifts are decayed tables of returns
    per expected return: $L$ by the class of the rank and of the time since the user's last event on the item, $L'$ by
    how many the user had and the kind of the last. So it is learned, not given, whether people look at the same thing
    twice in a row, come back to what they put into the basket, or never look again at what they bought. The product
    is a chance up to the error of its parts: it may pass 1 while they learn.

    Interactions without `past` are ignored, and queries without it are answered in order of recency. An interaction may
    carry less than 50 items (a log record has ten): the lifts hold for the rest.

    Parameters
    ----------
    history
        Distinct items proposed at most, > 0.
    half_life
        Events, of all users, after which a return counts half; > 0.

    Attributes
    ----------
    tables : Tables
        All that it learns.

    Examples
    --------
    >>> from learners.base import Past
    >>> source, two = Repeats(), np.array([0, 1], np.int32)
    >>> source.add_item(1)
    >>> past = Past(np.array([60.0, 0.0]), np.array([1, 1], np.int32), np.array([2, 1], np.uint8),
    ...             np.array([60.0, -np.inf]))
    >>> for _ in range(100):  # all users return to the last item but one
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
        self.tables = Tables(
            np.zeros((history, 2)), np.zeros((_NEAR * _GAPS, 2)), np.zeros((_TIMES * _KINDS, 2)), np.ones(1),
            2.0 ** (1.0 / half_life),
        )  # fmt: skip
        self._size = np.zeros(1, np.int64)
        self._returns = Returns(self.tables, np.full(16, -1, np.int32))

    @property
    def arrays(self) -> Returns:
        """All that compiled code works with; another tuple when an array has grown."""
        if self._returns.tables is not self.tables or len(self._returns.place) < self._size[0]:
            self._returns = Returns(self.tables, grown(self._returns.place, int(self._size[0]), fill=-1))
        return self._returns

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._size[0] = max(self._size[0], item + 1)

    def learn_one(self, event: Interaction) -> None:
        """Learn which of their items the user came back to, if any."""
        require_known(self.name, event.item, int(self._size[0]))
        if len(event.past.times) == 0:
            return
        self.learn_many(Interactions.of([event]))

    def learn_many(self, events: Interactions) -> None:
        """Learn events in their order."""
        require_all_known(self.name, events.items, int(self._size[0]))
        past = events.past
        learn_returns(
            self.tables, events.items, events.times, events.starts, events.recent, past.times, past.counts,
            past.kinds,
        )  # fmt: skip

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the items that the user most probably returns to, except `INELIGIBLE` ones."""
        recent = query.recent[: self.history]
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = propose_returns(
            recent, self._scores(query), int(self._size[0]), blocked, k
        )
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return about the chance that the next event is on each item, 0 for those not seen."""
        recent = query.recent[: self.history]
        scores = np.empty(len(items), np.float32)
        score_returns(recent, self._scores(query), int(self._size[0]), self.arrays.place, items, scores)
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the tables."""
        ranks, gaps, uses, unit, _ = self.tables
        return {"unit": unit, "ranks": ranks, "gaps": gaps, "uses": uses, "size": self._size}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        parts = [np.array(state[name], np.float64) for name in ("ranks", "gaps", "uses", "unit")]
        self.tables = Tables._make([*parts, self.tables.growth])
        self._size = np.array(state["size"], np.int64)

    def _scores(self, query: Query) -> NDArray[np.float32]:
        recent = query.recent[: self.history]
        if len(query.past.times) == 0:
            return by_recency(recent, _NEWEST)
        chances: NDArray[np.float32] = chances_of(
            self.tables, recent, query.time, query.past.times, query.past.counts, query.past.kinds
        )
        return chances
