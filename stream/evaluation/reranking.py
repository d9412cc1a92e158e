"""Where the item taken stands in a list of few items, before and after the list is ranked for its user.

Nobody has logged the lists that a search page showed, so each is made up: the item taken among others, in random order
or by popularity. Nothing is learned from them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners import INELIGIBLE, Query
from stream.decisions.uniforms import uniforms
from stream.evaluation.protocol import Among
from stream.model.fold import Model
from stream.ranking.candidates import NO_ITEMS, CandidateRequest
from stream.records.log import LoggedEvent
from stream.state.user import User

POPULAR = 100  # most popular items that popular others are drawn from


class Reranking:
    """Ranks of the items taken, the first is 1.

    Parameters
    ----------
    among : random: others are drawn from all known items, in random order; popular: from the 100 most popular, by
        popularity
    of : items of a list
    """

    def __init__(self, model: Model, among: Among, of: int) -> None:
        self.model, self.among, self.of = model, among, of
        self._gap_s, self._seed = model.config.rewards.session_gap_s, model.config.policy.seed
        self._popularity = next(source for source in model.sources if source.name == "popularity")
        self._before, self._after = list[int](), list[int]()

    def measure(self, user_id: str, user: User, event: LoggedEvent) -> None:
        """Rank the item of an event among others, as of just before it; one that nobody knows yet is left out."""
        item = self.model.vocabulary.index(event.item_id)
        if item < 0:
            return
        given = self._list(item, event)
        if len(given) < self.of:
            return
        asked = CandidateRequest(user_id, user.as_of(event.time, self._gap_s), event.time)
        ranker = self.model.variants.of(user_id, event.time).ranker
        order = ranker.rank_given(asked, given, 1, np.zeros(len(given))).order
        found = np.flatnonzero(order == item)
        if len(found) and len(order) == self.of:
            self._before.append(1 + int(np.flatnonzero(given == item)[0]))
            self._after.append(1 + int(found[0]))

    def report(self) -> dict[str, Any]:
        """Mean and mean reciprocal rank, before and after."""
        return {
            "among": self.among, "of": self.of, "lists": len(self._before),
            **{name: _measures(ranks) for name, ranks in (("before", self._before), ("after", self._after))},
        }  # fmt: skip

    def _list(self, item: int, event: LoggedEvent) -> NDArray[np.int32]:
        """The item among others that may be shown."""
        catalogue, draws = self.model.catalogue, uniforms(f"{self._seed}/rerank/{event.event_id}", 4 * self.of)
        if self.among == "popular":
            pool = self.model.item_lists.popular(POPULAR, event.time).items
        else:
            pool = (draws * catalogue.size).astype(np.int32)
        fine = (catalogue.blocked[pool] != INELIGIBLE) & (catalogue.expires[pool] > event.time) & (pool != item)
        pool = pool[fine]
        _, first = np.unique(pool, return_index=True)
        pool = pool[np.sort(first)]
        if self.among == "random":
            others = pool[: self.of - 1]
            return np.insert(others, int(draws[-1] * (len(others) + 1)), item).astype(np.int32)
        chosen = pool[np.sort(np.argsort(draws[: len(pool)], kind="stable")[: self.of - 1])]
        listed = np.append(chosen, item).astype(np.int32)
        counts = self._popularity.score_many(Query(NO_ITEMS, event.time, NO_ITEMS), listed)
        return listed[np.argsort(-counts, kind="stable")]


def _measures(ranks: list[int]) -> dict[str, float]:
    found = np.array(ranks, np.float64)
    return {"mean_rank": float(found.mean()), "mrr": float((1.0 / found).mean())} if ranks else {}
