"""One compiled call that teaches the nine built-in sources the events of a message: each one's own learning function.

What a source lacks room for, or what must be rescaled first, it learns afterwards: the call notes how far it came.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.handle import same_arrays
from learners.base import Source
from learners.board import SEATS, Board
from learners.interactions import Interactions
from learners.links.table import Links, link_events
from learners.neighbours.sessions import Limits, Sessions, learn_clicks
from learners.neighbours.user_histories import Users, learn_touches
from learners.popularity.categories import Shelves, count_on_shelves
from learners.popularity.popularity import UNIT_LIMIT, Counts, count_events
from learners.repeats.repeats import Tables, learn_returns

_PACED = ("popularity", "popularity_fast", "covisitation", "sequential_rules", "categories")  # those of `Paces.growths`
_STOPS = ("popularity", "popularity_fast", "session_neighbours", "user_neighbours")  # sources that may stop half-way


class Events(NamedTuple):
    """What compiled code reads of events, as in `Interactions`, of which these are the first fields."""

    items: NDArray[np.int32]  # [n]
    kinds: NDArray[np.uint8]  # [n]
    times: NDArray[np.float64]  # [n]
    users: NDArray[np.int64]  # [n]
    starts: NDArray[np.int64]  # [n + 1]
    recent: NDArray[np.int32]  # [starts[n]]
    sessions: NDArray[np.int64]  # [n]
    past_times: NDArray[np.float64]  # [starts[n]] nan where they are unknown
    past_counts: NDArray[np.int32]  # [starts[n]]
    past_kinds: NDArray[np.uint8]  # [starts[n]]


class Learned(NamedTuple):
    """What the sources learn into: the board without what only queries read. Content learns nothing."""

    popularity: Counts
    popularity_fast: Counts
    covisitation: Links
    sequential_rules: Links
    session_neighbours: Sessions
    user_neighbours: Users
    categories: Shelves
    repeats: Tables


class Paces(NamedTuple):
    """How fast the sources forget, and how much they keep."""

    growths: NDArray[np.float64]  # [5] of the units of `_PACED`; drift changes them
    sessions: Limits
    users: Limits


@njit(cache=True)
def teach(into: Learned, events: Events, size: int, paces: Paces, learned: NDArray[np.int64]) -> bool:
    """Teach events on some of so many items; return whether all were learned.

    Parameters
    ----------
    learned
        Written: how many events each of the sources of `_STOPS` has learned.
    """
    items, starts, recent, growths = events.items, events.starts, events.recent, paces.growths
    popular, fast = into.popularity, into.popularity_fast
    learned[0] = count_events(popular, size, growths[0], items, events.kinds)
    learned[1] = count_events(fast, size, growths[1], items, events.kinds)
    link_events(into.covisitation, size, growths[2], True, items, starts, starts[1:] - starts[:-1], recent)
    link_events(into.sequential_rules, size, growths[3], False, items, starts, events.sessions, recent)
    learned[2] = learn_clicks(
        into.session_neighbours, events.users, items, events.times, events.sessions, paces.sessions
    )  # fmt: skip
    learned[3] = learn_touches(into.user_neighbours, events.users, items, paces.users)
    count_on_shelves(into.categories, growths[4], items)
    learn_returns(
        into.repeats, items, events.times, starts, recent, events.past_times, events.past_counts, events.past_kinds
    )  # fmt: skip
    light = popular.unit[0] < UNIT_LIMIT and fast.unit[0] < UNIT_LIMIT
    return bool(light and learned.min() == len(items))


class Teacher:
    """Teaches the nine built-in sources of a model in one compiled call.

    Attributes
    ----------
    others : list[Source]
        The sources of the model that are to be taught by `learning_calls`: all, if one of the nine is missing.
    """

    def __init__(self, sources: Sequence[Source], board: Board) -> None:
        self.board, self._sources = board, [*sources]
        self.compiled = bool((board.rows >= 0).all())
        self.others = [sources[n] for n in board.others] if self.compiled else self._sources
        self._seated: dict[str, Any] = dict(zip(SEATS, board.seated))
        self._paced = [self._seated[name] for name in _PACED]
        sessions, users = self._seated["session_neighbours"], self._seated["user_neighbours"]
        self._content = self._seated["content"]  # it learns nothing, but is told
        self._answering = [sessions, users]  # they remember their last answer
        self._into: Learned | None = None  # as it was last
        self._outdated = True
        self._size = 0  # items that there were then
        self.paces = Paces(np.ones(len(_PACED)), sessions.limits, users.limits)
        self.learned = np.zeros(len(_STOPS), np.int64)  # see `teach`

    def part(self) -> None:
        """Leave every source to `learning_calls`."""
        self.compiled, self.others = False, self._sources

    def outdate(self) -> None:
        """Expect that sources have other arrays or another pace: something else than an event has changed them."""
        self._outdated = True

    def ready(self, items: Sequence[int], size: int) -> Learned:
        """Return what `teach` takes, to teach events on these of so many items at the pace that is set by now.

        Arrays and pace are read anew where there are more items than before, and after `outdate`. Where the arrays are
        the same, as with most new items, so is what is returned: to pass others to compiled code takes long.
        """
        self._content.catch_up(items)
        for source in self._answering:
            source.make_ready()
        into = self._into
        if into is None or self._outdated or size != self._size:
            self.paces.growths[:] = [source.growth for source in self._paced]
            popular, fast, near, following, sessions, users, shelves, _, repeats = self.board.seated
            now = Learned(
                popular.arrays, fast.arrays, near.links, following.links, sessions.sessions, users.users,
                shelves.arrays, repeats.tables,
            )  # fmt: skip
            if into is None or not same_arrays(into, now):
                into = self._into = now
            self._size, self._outdated = size, False
        return into

    def finish(self, events: Interactions) -> None:
        """Let the sources that stopped half-way learn the rest."""
        for name, start in zip(_STOPS, self.learned.tolist()):
            self._seated[name].learn_many(events.since(start))
        self.outdate()
