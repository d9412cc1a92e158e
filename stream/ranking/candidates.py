"""From a user to ranked candidates: query every source, join, describe, score."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits import NO_CONSTRAINTS, Constraints
from learners import ELIGIBLE, INELIGIBLE, NEVER, TOUCHED, Query, Source, Vocabulary, best_first
from learners import Past as Done
from stream.ranking.features import ZERO_IF_SEEN, Joined, Known, Past, describe
from stream.ranking.past import moment, past, session
from stream.ranking.score import Ranking, Weights
from stream.rules.apply import Offer, Rules
from stream.state.catalogue import Catalogue
from stream.state.user import User
from stream.state.users import RECENT_ITEMS, number

PROPOSED = 60  # best new items that each source proposes: 100 rank no better on average, and take a tenth more time
WITH_RULES = 100  # the same where rules take some of them away
CATEGORY_ITEMS = 10


class CandidateRequest(NamedTuple):
    """A user who is to get candidates."""

    user_id: str
    user: User
    now: float  # event time, unix seconds; items that expired by then are left out
    novel: bool = False  # whether what the user has touched is left out


class Candidates(NamedTuple):
    """All that may be shown to a user now, described and scored."""

    items: NDArray[np.int32]  # [n]
    features: NDArray[np.uint8]  # [n, features + 1], quantised, the mixer's score last
    scores: NDArray[np.float32]  # [n] ranking scores
    lists: NDArray[np.int32]  # [1 + sources, k] best items of the ranking and of each source, -1 pads
    places: NDArray[np.int32]  # [n] each item's place in the user's past, -1: not there
    past: Past
    constraints: Constraints = NO_CONSTRAINTS  # what rules demand of the slate


class Gathered(NamedTuple):
    """Proposals and scores of the sources, before features are computed."""

    user: User
    query: Query
    past: Past
    offer: Offer | None
    joined: Joined
    lists: NDArray[np.int32]  # [1 + sources, k], the first one empty


class CandidateRanker:
    """Sources, catalogue and ranking together: candidates for a user, ranked.

    Parameters
    ----------
    sources : discovery sources, and last the one that proposes the user's own items again
    weights : of the ranking score
    """

    def __init__(
        self, vocabulary: Vocabulary, catalogue: Catalogue, sources: Sequence[Source], ranking: Ranking,
        weights: Weights, *, exclude_bought: bool, rules: Rules | None = None,
    ) -> None:  # fmt: skip
        self.vocabulary, self.catalogue, self.sources, self.ranking = vocabulary, catalogue, sources, ranking
        self.weights, self.exclude_bought, self.rules = weights, exclude_bought, rules
        self._zero_if_seen = np.array([n for n, source in enumerate(sources) if source.name in ZERO_IF_SEEN], np.int64)
        self._place = np.full(0, -1, np.int32)  # scratch: an item's place among the candidates

    def query(self, user_id: str, user: User, now: float) -> Query:
        """The query to the sources for a user at event time `now`."""
        return self._query(user_id, user, now, self.past(user))

    def _query(self, user_id: str, user: User, now: float, past: Past) -> Query:
        recent = slice(RECENT_ITEMS)
        return Query(
            past.items[recent], now, self._session(user), number(user_id), user.traits,
            Done(past.times[recent], past.counts[recent], past.kinds[recent], past.bought[recent]),
        )  # fmt: skip

    def _session(self, user: User) -> NDArray[np.int32]:
        return session(user, self.vocabulary)

    def candidates(self, user_id: str, user: User, now: float, k: int) -> Candidates:
        """Gather, describe and score; the catalogue's rules hold from here on.

        Parameters
        ----------
        now : event time, unix seconds; items that expired by then are left out
        k : length of the lists
        """
        return self.candidates_many([CandidateRequest(user_id, user, now)], k)[0]

    def candidates_many(self, asked: Sequence[CandidateRequest], k: int) -> list[Candidates]:
        """The same for several users, step by step: the data of a step stays in the processor's caches."""
        gathered = [self._gather(each, k) for each in asked]
        features = [self._describe(each) for each in gathered]
        ranked = [self.ranking.score_many(each, self.weights) for each in features]
        return [self._listed(each, scores, rows, k) for each, (scores, rows) in zip(gathered, ranked, strict=True)]

    def _gather(self, asked: CandidateRequest, k: int) -> Gathered:
        """Join the best items of every source, and score all of them by every source."""
        user_id, user, now, novel = asked
        past = self.past(user)
        query = self._query(user_id, user, now, past)
        offer = None if self.rules is None else self.rules.offer(user, now, k)
        proposals = self._propose(query, past, offer, novel=novel)
        items, ranks, lists = _join(
            np.concatenate(proposals), np.array([len(p) for p in proposals]), self.catalogue.expires, now,
            self._scratch(), k if offer is None or not offer.deep else WITH_RULES,
        )  # fmt: skip
        scores = np.empty((len(self.sources), len(items)), np.float32)
        for row, source in enumerate(self.sources):
            scores[row] = source.score_many(query, items)
        joined = Joined(items, ranks, scores, _places(past.items, items, self._scratch()))
        return Gathered(user, query, past, offer, joined, lists)

    def _listed(self, gathered: Gathered, scores: NDArray[np.float32], rows: NDArray[np.uint8], k: int) -> Candidates:
        """Put the ranking into list 0; with rules, filter all lists."""
        items, places, lists = gathered.joined.items, gathered.joined.places, gathered.lists
        if gathered.offer is not None:
            scores, lists, constraints = gathered.offer.finish(items, scores, lists, k)
            return Candidates(items, rows, scores, lists, places, gathered.past, constraints)
        ranked, _ = best_first(items, scores, k)
        lists[0, : len(ranked)] = ranked
        return Candidates(items, rows, scores, lists, places, gathered.past)

    def pack(self, slate: NDArray[np.int32], lists: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """Every item of the lists once, the slate's first and in order; and the lists as indices into them."""
        return _pack(slate, lists, self._scratch())

    def scores_of(self, found: Candidates, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Ranking scores of some of the candidates; 0 of pinned items, which are none."""
        scores: NDArray[np.float32] = _scores_of(found.items, found.scores, items, self._scratch())
        return scores

    def past(self, user: User) -> Past:
        """The user's items that the model knows; a new item is folded some milliseconds after its first event."""
        return past(user, self.vocabulary)

    def _propose(self, query: Query, past: Past, offer: Offer | None, *, novel: bool) -> list[NDArray[np.int32]]:
        exclude_bought = self.exclude_bought and offer is None  # rules decide on bought items themselves
        levels = _own_levels(self.catalogue.blocked, past.items, past.bought, exclude_bought, novel)
        with self.catalogue.masked(past.items, levels) as mask:
            if offer is not None:
                return offer.propose(self.sources, query, WITH_RULES, mask)
            return [source.top_k(query, PROPOSED, mask)[0] for source in self.sources]

    def _describe(self, gathered: Gathered) -> NDArray[np.uint8]:
        catalogue, query = self.catalogue, gathered.query
        known = Known(catalogue.category, catalogue.born, catalogue.used, catalogue.events)
        features: NDArray[np.uint8] = describe(
            gathered.joined, gathered.past, query.recent[:CATEGORY_ITEMS], known,
            moment(gathered.user, query.time), self._zero_if_seen,
        )  # fmt: skip
        return features

    def _scratch(self) -> NDArray[np.int32]:
        if len(self._place) < len(self.catalogue.blocked):
            self._place = np.full(len(self.catalogue.blocked), -1, np.int32)
        return self._place


@njit(cache=True)
def _own_levels(
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
def _join(
    proposed: NDArray[np.int32], lengths: NDArray[np.int64], expires: NDArray[np.float64], now: float,
    place: NDArray[np.int32], k: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:  # fmt: skip
    """Union of the proposals in order, each item's rank in each of them, and the head of each as a list.

    `place` is scratch, all -1 before and after. List 0 is left empty for the ranking.
    """
    items = np.empty(len(proposed), np.int32)
    ranks = np.full((len(proposed), len(lengths)), -1, np.int32)
    lists = np.full((1 + len(lengths), k), -1, np.int32)
    n = start = 0
    for s in range(len(lengths)):
        rank = 0
        for item in proposed[start : start + lengths[s]]:
            if expires[item] <= now:
                continue
            if place[item] < 0:
                place[item], items[n] = n, item
                n += 1
            ranks[place[item], s] = rank
            if rank < k:
                lists[1 + s, rank] = item
            rank += 1
        start += lengths[s]
    for item in items[:n]:
        place[item] = -1
    return items[:n], ranks[:n], lists


@njit(cache=True)
def _places(seen: NDArray[np.int32], items: NDArray[np.int32], place: NDArray[np.int32]) -> NDArray[np.int32]:
    """Place of each item in `seen`, or -1; `place` is scratch, all -1 before and after."""
    for position in range(len(seen)):
        place[seen[position]] = position
    found = place[items]
    for item in seen:
        place[item] = -1
    return found


@njit(cache=True)
def _scores_of(
    known: NDArray[np.int32], scores: NDArray[np.float32], items: NDArray[np.int32], place: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Scores of items by the table of those that have one, 0 of others."""
    found = np.zeros(len(items), np.float32)
    for n, position in enumerate(_places(known, items, place)):
        if position >= 0:
            found[n] = scores[position]
    return found


@njit(cache=True)
def _pack(
    slate: NDArray[np.int32], lists: NDArray[np.int32], place: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
    """Every item of the lists once, the slate's first and in order; and the lists as indices into them, 65535 pads."""
    items = np.empty(len(slate) + lists.size, np.int32)
    packed = np.full(lists.shape, 65535, np.uint16)
    n = 0
    for item in slate:
        place[item], items[n] = n, item
        n += 1
    for s in range(lists.shape[0]):
        for rank in range(lists.shape[1]):
            item = lists[s, rank]
            if item < 0:
                continue
            if place[item] < 0:
                place[item], items[n] = n, item
                n += 1
            packed[s, rank] = place[item]
    for item in items[:n]:
        place[item] = -1
    return items[:n], packed
