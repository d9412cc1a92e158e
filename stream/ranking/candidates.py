"""From a user to ranked candidates: query every source, join, describe, score."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits import NO_CONSTRAINTS, Constraints
from learners import INELIGIBLE, VIEW, Content, Query, Source, Vocabulary, best_first
from learners import Past as Done
from learners.registry import known_items
from stream.ranking.desk import CANDIDATES, DEPTH, PAST, WIDTH, Asker, Desks, lists_of
from stream.ranking.features import ZERO_IF_SEEN, Past
from stream.ranking.finish import finish
from stream.ranking.gather import join, own_levels, propose
from stream.ranking.given import join_given, list_given, priced
from stream.ranking.negatives import offered_bytes
from stream.ranking.past import led_by, moment, past, renewed_of, session
from stream.ranking.rank import rank
from stream.ranking.score import Ranking, Weights
from stream.rules.apply import Offer, Rules
from stream.state.catalogue import Catalogue
from stream.state.user import User
from stream.state.users import RECENT_ITEMS, number

# Best new items that each source proposes. 40 or 30 take a tenth or a sixth less time, but find less (HR@20 of 60, 40,
# 30 on 30,000 events: deskdrop .8526, .8527, .8490; REES46 .5394, .5383, .5389).
PROPOSED = 60
MOST = 100  # the same where rules take some of them away
NO_ITEMS, NO_SCORES = np.empty(0, np.int32), np.empty(0, np.float32)


class CandidateRequest(NamedTuple):
    """A user who is to get candidates."""

    user_id: str
    user: User
    now: float  # event time, unix seconds; items that expired by then are left out
    novel: bool = False  # whether what the user has touched is left out
    anchors: NDArray[np.int32] = NO_ITEMS  # known items that count as if the user had just viewed them


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
    order: NDArray[np.int32] = NO_ITEMS  # if they were given: all, best first
    scores: NDArray[np.float32] = NO_SCORES  # of these


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
        self._content = next((source for source in sources if isinstance(source, Content)), None)
        self._desk = Desks(sources, catalogue, ranking.mixer, MOST, zero_if_seen)

    def query(self, user_id: str, user: User, now: float) -> Query:
        """The query to the sources for a user at event time `now`."""
        return self._query(self._asker(CandidateRequest(user_id, user, now)), user)

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
        if self.rules is None and not self._desk.others and not len(asked.anchors):
            catalogue, known = self.catalogue, user.numbers.indices(self.vocabulary)
            size = rank(
                held, user.block, known, renewed_of(user, self.vocabulary, known), number(asked.user_id), now,
                catalogue.size, catalogue.events, PROPOSED, k, self.exclude_bought, asked.novel, weights.next, plain,
            )  # fmt: skip
        else:
            asker = self._asker(asked)
            offer = self._gather_in_parts(held, asker, user, k, novel=asked.novel)
            size = self._describe_and_score(held, asker, asked, plain=plain)
        return Ranked(held, size, NO_CONSTRAINTS if plain else self._finish_in_parts(offer, k))

    def rank_given(
        self, asked: CandidateRequest, items: NDArray[np.int32], k: int, prices: NDArray[np.float64]
    ) -> Ranked:
        """The same for given items, all that may be shown: whether or not a source proposes them or they were bought.

        Of equal scores the item that was given first comes first. Caps, pins and diversity do not hold.

        Parameters
        ----------
        prices : of the items now, 0: that of the catalogue
        """
        user, held, room, catalogue = asked.user, self._desk.held(), self._desk.room, self.catalogue
        asker, size = self._asker(asked), catalogue.size
        offer = None if self.rules is None else self.rules.offer(user, asker.now, k)
        may = (catalogue.blocked[items] != INELIGIBLE) & (catalogue.expires[items] > asker.now)
        given = items[may if offer is None else may & offer.allowed(items)]
        query, levels = self._query(asker, user), self._levels(asker, exclude_bought=False, novel=False)
        now = nullcontext() if self._content is None else priced(self._content.arrays.prices, items, prices)
        with now, catalogue.masked(asker.past.items, levels) as mask:
            self._propose(held, asker, query, PROPOSED, mask)
            join_given(held, asker, size, given, k)
            self._score_others(query)
        list_given(held)
        ranked_size = self._describe_and_score(held, asker, asked, plain=False)
        scores = room.ranking[: len(given)]
        scores[:] = self.ranking.with_heads(scores, room.rows(), self.weights)
        if offer is not None:
            scores[:] = offer.boosted(given, scores.copy())
        best = np.argsort(-scores, kind="stable")
        lists_of(room)[0, : min(k, len(given))] = given[best[:k]]
        return Ranked(held, ranked_size, NO_CONSTRAINTS, given[best], scores[best])

    def _describe_and_score(self, held: Any, asker: Asker, asked: CandidateRequest, *, plain: bool) -> int:
        now, anchors = moment(asked.user, asked.now), len(asked.anchors)
        if anchors:
            now = now._replace(kind=VIEW, in_session=now.in_session + anchors, depth=now.depth + anchors)
        finish(held, asker.past, now, self.catalogue.events, self.weights.next, plain)
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
        query, room, size = self._query(asker, user), self._desk.room, self.catalogue.size
        offer = None if self.rules is None else self.rules.offer(user, asker.now, k)
        most = PROPOSED if offer is None else MOST
        exclude_bought = self.exclude_bought and offer is None  # rules decide on bought items themselves
        levels = self._levels(asker, exclude_bought=exclude_bought, novel=novel)
        with self.catalogue.masked(asker.past.items, levels) as mask:
            self._propose(held, asker, query, most, mask)
            if offer is not None:
                for n, kept in enumerate(offer.propose(self.sources, room.proposals(), query, most, mask)):
                    room.put(n, kept)
        join(held, asker, size, k if offer is None or not offer.deep else MOST)
        self._score_others(query)
        return offer

    def _asker(self, asked: CandidateRequest) -> Asker:
        past, session, anchors = self.past(asked.user), self._session(asked.user), asked.anchors
        if len(anchors):
            past, session = led_by(past, anchors, asked.now), np.concatenate([anchors, session])
        return Asker(past, session, number(asked.user_id), asked.now)

    def _levels(self, asker: Asker, *, exclude_bought: bool, novel: bool) -> NDArray[np.uint8]:
        past, blocked = asker.past, self.catalogue.blocked
        found: NDArray[np.uint8] = own_levels(blocked, past.items, past.bought, exclude_bought, novel)
        return found

    def _propose(self, held: Any, asker: Asker, query: Query, most: int, mask: NDArray[np.uint8]) -> None:
        """Let each source propose so many items that the mask allows."""
        size, room = self.catalogue.size, self._desk.room
        propose(held, asker, size, most)
        for n in self._desk.others:
            room.put(n, known_items(self.sources[n], self.sources[n].top_k(query, most, mask)[0], size))

    def _score_others(self, query: Query) -> None:
        """Let the sources that are asked from Python score what was joined."""
        room = self._desk.room
        count = room.counts[CANDIDATES]
        for n in self._desk.others:
            room.scores[n, :count] = self.sources[n].score_many(query, room.items[:count].copy())

    def lists(self) -> NDArray[np.int32]:
        """The lists of the user in the room: a view."""
        return lists_of(self._desk.room)

    def past(self, user: User) -> Past:
        """The user's items that the model knows; a new item is folded some milliseconds after its first event."""
        return past(user, self.vocabulary)
