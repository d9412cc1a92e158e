"""From a user to ranked candidates: query every source, join, describe, score."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits import NO_CONSTRAINTS, Constraints
from learners import Past as Done
from learners import Query, Source, Vocabulary, best_first
from learners.registry import known_items
from stream.ranking.desk import CANDIDATES, DEPTH, PAST, WIDTH, Asker, Desks, lists_of
from stream.ranking.features import ZERO_IF_SEEN, Past
from stream.ranking.finish import finish
from stream.ranking.gather import join, own_levels, propose
from stream.ranking.negatives import offered_bytes
from stream.ranking.past import moment, past, renewed_of, session
from stream.ranking.rank import rank
from stream.ranking.score import Ranking, Weights
from stream.rules.apply import Offer, Rules
from stream.state.catalogue import Catalogue
from stream.state.user import User
from stream.state.users import RECENT_ITEMS, number

PROPOSED = 30  # best new items that each source proposes, for longer lists one and a half times their length; 60 rank
# .0005 better on average (MovieLens, REES46, Taobao, HR@20 and MRR@20), and take a sixth more time
MOST = 100  # the same where rules take some of them away, and for the longest lists


def proposed(k: int) -> int:
    """Items that each source proposes for lists of so many."""
    return min(MOST, max(PROPOSED, 3 * k // 2))


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
    times: NDArray[np.float64]  # of the user's past, event time of the last event on each item
    constraints: Constraints = NO_CONSTRAINTS  # what rules demand of the slate


class Ranked(NamedTuple):
    """What `CandidateRanker.rank` leaves for compiled code."""

    held: Any  # a `Desk`, with the room
    size: int  # bytes that the candidates take when they are kept, see `pack_offered`
    constraints: Constraints


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
        zero_if_seen = np.array([n for n, source in enumerate(sources) if source.name in ZERO_IF_SEEN], np.int64)
        self._desk = Desks(sources, catalogue, ranking.mixer, MOST, zero_if_seen)

    def query(self, user_id: str, user: User, now: float) -> Query:
        """The query to the sources for a user at event time `now`."""
        return self._query(Asker(self.past(user), self._session(user), number(user_id), now), user)

    def _query(self, asker: Asker, user: User) -> Query:
        past, recent = asker.past, slice(RECENT_ITEMS)
        return Query(
            past.items[recent], asker.now, asker.session, asker.user, user.traits,
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
        return self.candidates_for(CandidateRequest(user_id, user, now), k)

    def candidates_for(self, asked: CandidateRequest, k: int) -> Candidates:
        """The same for a request."""
        ranked, room = self.rank(asked, k), self._desk.room
        count, past = room.counts[CANDIDATES], room.counts[PAST]
        return Candidates(
            room.items[:count].copy(), room.rows().copy(), room.ranking[:count].copy(), lists_of(room).copy(),
            room.places[:count].copy(), room.times[:past].copy(), ranked.constraints,
        )  # fmt: skip

    def rank(self, asked: CandidateRequest, k: int) -> Ranked:
        """The same, but all stays in the room, for compiled code that goes on; the next user takes their place.

        Parameters
        ----------
        k : length of the lists, at most 127
        """
        if k > DEPTH:
            raise ValueError(f"ranking: lists must have at most {DEPTH} items; got {k}")
        user, now, weights, held, offer = asked.user, asked.now, self.weights, self._desk.held(), None
        plain = self.rules is None and not (weights.click or weights.purchase)
        if self.rules is None and not self._desk.others:
            catalogue, known = self.catalogue, user.numbers.indices(self.vocabulary)
            size = rank(
                held, user.block, known, renewed_of(user, self.vocabulary, known), number(asked.user_id), now,
                catalogue.size, catalogue.events, proposed(k), k, self.exclude_bought, asked.novel, weights.next, plain,
            )  # fmt: skip
        else:
            asker = Asker(self.past(user), self._session(user), number(asked.user_id), now)
            offer = self._gather_in_parts(held, asker, user, k, novel=asked.novel)
            size = self._describe_and_score(held, asker, user, plain=plain)
        return Ranked(held, size, NO_CONSTRAINTS if plain else self._finish_in_parts(offer, k))

    def rank_given(self, asked: CandidateRequest, items: NDArray[np.int32], k: int) -> Ranked:
        """The same for given items, as if the first source alone had proposed, and without rules."""
        user, held, room = asked.user, self._desk.held(), self._desk.room
        asker = Asker(self.past(user), self._session(user), number(asked.user_id), asked.now)
        for n in range(len(self.sources)):
            room.put(n, items if n == 0 else items[:0])
        join(held, asker, self.catalogue.size, k)
        return Ranked(held, self._describe_and_score(held, asker, user, plain=True), NO_CONSTRAINTS)

    def _describe_and_score(self, held: Any, asker: Asker, user: User, *, plain: bool) -> int:
        finish(held, asker.past, moment(user, asker.now), self.catalogue.events, self.weights.next, plain)
        room = self._desk.room
        return int(offered_bytes(int(room.counts[CANDIDATES]), len(room.columns), len(asker.past.items)))

    def _finish_in_parts(self, offer: Offer | None, k: int) -> Constraints:
        """Let heads and rules change ranking scores and lists; return what rules demand of the slate."""
        room, constraints = self._desk.room, NO_CONSTRAINTS
        count, lists = room.counts[CANDIDATES], lists_of(room)
        items, scores = room.items[:count], room.ranking[:count]
        scores[:] = self.ranking.with_heads(scores, room.rows(), self.weights)
        if offer is None:
            ranked, _ = best_first(items, scores, k)
            lists[0, : len(ranked)] = ranked
        else:
            scores[:], changed, constraints = offer.finish(items.copy(), scores.copy(), lists.copy(), k)
            room.counts[WIDTH] = changed.shape[1]
            lists_of(room)[:] = changed
        return constraints

    def _gather_in_parts(self, held: Any, asker: Asker, user: User, k: int, *, novel: bool) -> Offer | None:
        """What `gather` does, with rules and with sources that are asked from Python."""
        query, past, room, size = self._query(asker, user), asker.past, self._desk.room, self.catalogue.size
        offer = None if self.rules is None else self.rules.offer(user, asker.now, k)
        most = proposed(k) if offer is None else MOST
        exclude_bought = self.exclude_bought and offer is None  # rules decide on bought items themselves
        levels = own_levels(self.catalogue.blocked, past.items, past.bought, exclude_bought, novel)
        with self.catalogue.masked(past.items, levels) as mask:
            propose(held, asker, size, most)
            for n in self._desk.others:
                found = self.sources[n].top_k(query, most, mask)[0]
                room.put(n, known_items(self.sources[n], found, size))
            if offer is not None:
                for n, kept in enumerate(offer.propose(self.sources, room.proposals(), query, most, mask)):
                    room.put(n, kept)
        join(held, asker, size, k if offer is None or not offer.deep else MOST)
        count = room.counts[CANDIDATES]
        for n in self._desk.others:
            room.scores[n, :count] = self.sources[n].score_many(query, room.items[:count].copy())
        return offer

    def lists(self) -> NDArray[np.int32]:
        """The lists of the user in the room: a view."""
        return lists_of(self._desk.room)

    def past(self, user: User) -> Past:
        """The user's items that the model knows; a new item is folded some milliseconds after its first event."""
        return past(user, self.vocabulary)
