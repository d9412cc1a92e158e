"""How sessions like this one went on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners.base import Impersonal, Interaction, Query, State
from learners.interactions import Interactions, require_all_known
from learners.neighbours.neighbourhood import Neighbourhood
from learners.neighbours.session_search import Decays, NearSessions, Weights, find_sessions
from learners.neighbours.sessions import (
    Limits,
    forget_sessions,
    learn_clicks,
    no_sessions,
    restored_sessions,
    sessions_state,
    with_items,
    with_session,
)

_MAX_SESSIONS = 8_000_000  # cells are numbered in 32 bits


class SessionNeighbours(Impersonal):
    r"""What came next in sessions like this one: incremental VSTAN [^1], a nearest-neighbour method.

    The session asked about has the items of positions $1 \dots n$; an item counts at its last occurrence $p_i$ and
    weighs $w_i = e^{(p_i - n) / \lambda_{spw}}$. Of the kept sessions that contain any of them, the `sample` that were
    active last are compared,

    $$sim(r) = \frac{\sum_{i \in s \cap r} w_i}{\sqrt{\sum_{i \in s} w_i^2} \sqrt{|r|}} e^{-(t - t_r) / \lambda_{snh}}$$

    ($|r|$ distinct items, $t_r$ its last event), and the `k` most similar score the items:

    $$score(j) = (1 + \lambda_{idf} \, idf_j) \sum_{r \ni j} sim(r) \,
    e^{(q_r - n) / \lambda_{ipw} - |p^r_j - p^r| / \lambda_{inh}}$$

    with $q_r$ the last position in $s$ of what both share, $p^r$ the last such in $r$, $p^r_j$ the last of $j$, and
    $idf_j = \max(0, \ln(sessions / events_j))$ over all that was ever learned. Sums run from the most recent neighbour
    to the oldest. Equal similarity: the session with the later last event (in order of learning) goes first.

    It learns event by event: an `Interaction` with an empty `session` begins a session of its `user`, others continue
    the user's newest one; events without a user count as one user's. The lists from items to sessions are always in the
    order of the sessions' last events, so that learning item by item equals a batch over whole sessions, and a query
    reads only the recent ends. The newest session of the asking user is left out: it is the current one.

    Parameters
    ----------
    k
        Neighbours that score, > 0.
    sample
        Sessions compared, and kept an item, >= `k`.
    decay
        $\lambda_{spw}$, $\lambda_{snh}$ in days, $\lambda_{inh}$ and $\lambda_{ipw}$: see `Decays`.
    idf
        $\lambda_{idf}$, >= 0.
    history
        Positions of the asked session that are looked at, from its end.
    max_sessions
        Sessions kept; a new one replaces the one that began first. About 120 bytes a session, taken as needed.
    items_a_session
        Distinct items kept a session, the newest.

    Attributes
    ----------
    sessions : Sessions
        All that it learns; another tuple when an array has grown.

    Notes
    -----
    The defaults are meant for every site. They were tuned on RetailRocket, a shop, where forgetting is slow: `k` and
    `decay.position` from STAN [^2], all others from VSTAN [^1], two settings of equal quality there. On sessions of two
    more shops (REES46; Taobao, cut at 30 minutes) STAN's `decay.position` gave a better MRR@20 of the next item (.440
    instead of .430, and the same) at no loss of hits; 100 to 1,500 neighbours of 500 to 10,000 sessions made no
    difference there, as hardly any item is in more.

    Examples
    --------
    >>> source, nothing = SessionNeighbours(), np.empty(0, np.int32)
    >>> source.add_item(1)
    >>> source.learn_one(Interaction(0, 0, 0.0, nothing, nothing, user=7))
    >>> source.learn_one(Interaction(1, 0, 9.0, nothing, np.array([0], np.int32), user=7))
    >>> query = Query(nothing, 9.0, np.array([0], np.int32), user=8)
    >>> [column.tolist() for column in source.top_k(query, 1, np.array([2, 0], np.uint8))]
    [[1], [0.0776]]

    References
    ----------
    [^1]: Ludewig, Mauro, Latifi, Jannach: Empirical analysis of session-based recommendation algorithms. UMUAI 2021.
    [^2]: Garg, Gupta, Malhotra, Vig, Shroff: Sequence and time aware neighborhood for session-based recommendations.
    SIGIR 2019.
    """

    name = "session_neighbours"

    def __init__(
        self,
        k: int = 500,
        sample: int = 2_500,
        decay: Decays = Decays(),  # noqa: B008  immutable
        idf: float = 1.0,
        history: int = 50,
        max_sessions: int = 1_000_000,
        items_a_session: int = 64,
    ) -> None:
        if not 0 < max_sessions <= _MAX_SESSIONS:
            raise ValueError(f"`{self.name}`: max_sessions must be in 1..{_MAX_SESSIONS}; got {max_sessions}")
        self.limits: Limits = (max_sessions, items_a_session, sample)
        self._weights = Weights.of(decay, idf, k, history)
        self._near = Neighbourhood(history, sample)
        self.sessions = no_sessions()
        self._arrays = NearSessions(self.sessions, self._near.scratch, self._weights)

    @property
    def arrays(self) -> NearSessions:
        """All that compiled code works with; another tuple when an array has grown."""
        sessions, scratch, weights = self._arrays
        if sessions is not self.sessions or scratch is not self._near.scratch:
            self._arrays = NearSessions(self.sessions, self._near.scratch, weights)
        return self._arrays

    def make_ready(self) -> None:
        """Expect that compiled code answers other queries with the arrays."""
        self._near.outdate()

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._near.add_item(item)
        self.sessions = with_items(self.sessions, self._near.size)

    def learn_one(self, event: Interaction) -> None:
        """Add the item to the session under way of the event's user."""
        self._learn(
            np.array([event.user]), np.array([event.item], np.int32), np.array([event.time], np.float64),
            np.array([len(event.session)]),
        )  # fmt: skip

    def learn_many(self, events: Interactions) -> None:
        """Learn events in their order."""
        self._learn(events.users, events.items, events.times, events.sessions)

    def _learn(
        self, users: NDArray[np.int64], items: NDArray[np.int32], times: NDArray[np.float64], before: NDArray[np.int64]
    ) -> None:
        require_all_known(self.name, items, self._near.size)
        self._near.outdate()
        done = 0
        while done < len(items):
            self.sessions = with_session(self.sessions, self.limits)
            done += learn_clicks(
                self.sessions, users[done:], items[done:], times[done:], before[done:], self.limits
            )  # fmt: skip

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return what similar sessions liked most."""
        self._find(query)
        return self._near.top_k(k, blocked)

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return how much similar sessions liked each item; those of the query too."""
        self._find(query)
        return self._near.score_many(items)

    def why(self, query: Query, item: int) -> list[int]:
        """Return the items of the query that `item` was recommended for, by their part in its score."""
        self._find(query)
        return self._near.why(self.sessions.kept, self._weights.distance, item)

    def forget(self, user: int) -> None:
        """Drop the user's sessions; numbers of events stay."""
        self._near.outdate()
        forget_sessions(self.sessions, user, self.limits[0])

    def state(self) -> dict[str, NDArray[Any]]:
        """Return sessions, lists and counts."""
        return sessions_state(self.sessions, self.limits, self._near.size)

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._near.restart(len(state["counts"]))
        self.sessions = restored_sessions(state, self.limits)

    def _find(self, query: Query) -> None:
        """Answer by the session, or by the user's history where there is none."""
        if self._near.begin(query):
            past = query.session if len(query.session) else query.recent
            find_sessions(self.arrays, query.user, query.time, past, self._near.size)
