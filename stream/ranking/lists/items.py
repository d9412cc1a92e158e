"""Lists of items from the model alone: similar, also bought, popular, rising, latest. Nothing changes by asking.

Items that are blocked, have expired or were withdrawn are on no list. The cost does not grow with the catalogue, but
for passes over one number an item: where something has expired since the last fold, and for the sums of rising.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from learners import INELIGIBLE, Categories, Content, CoVisitation, Popularity, Query, Source
from stream.state.catalogue import NO_CATEGORY, Catalogue

NOTHING = np.empty(0, np.int32)
ALIKE = 0.1  # weight of the likeness of descriptions: .05 to .2 find as much, alone or added they find less
PROPOSED = 100  # items that each source of similar ones proposes
LEAST_EVENTS = 3.0  # of the fast count: fewer are no sign that an item rises
PSEUDO_EVENTS = 1.0  # expected of every item besides, as in `learners.Trending`
CHUNK = 4_096  # newest items that are looked at together


class Listing(NamedTuple):
    """Some items, best first."""

    items: NDArray[np.int32]  # [n]
    scores: NDArray[np.float64]  # [n] descending
    because: tuple[str, ...]  # [n] what speaks most for each: a source's name, `bought` or `latest`

    @classmethod
    def of(cls, items: NDArray[np.int32], scores: NDArray[Any], because: str) -> "Listing":
        """One whose items all have the same reason."""
        return cls(items, scores.astype(np.float64), (because,) * len(items))


class ItemLists:
    """The lists, of the model as it is.

    Parameters
    ----------
    sources : of the model, by their names
    bought : links between items that the same users bought
    """

    def __init__(self, catalogue: Catalogue, sources: Sequence[Source], bought: CoVisitation) -> None:
        named: dict[str, Any] = {source.name: source for source in sources}
        self.catalogue, self.bought = catalogue, bought
        self._together, self._content = cast("Source", named["covisitation"]), cast("Content", named["content"])
        self._slow, self._fast = cast("Popularity", named["popularity"]), cast("Popularity", named["popularity_fast"])
        self._categories = cast("Categories", named["categories"])

    def similar(self, anchors: NDArray[np.int32], k: int, now: float, *, withdrawn: bool = False) -> Listing:
        """Items that the same users interacted with, and whose descriptions are alike: to some items, the first most.

        The score is the sum of both similarities, that of descriptions times `ALIKE`: it decides where few events link
        items, an item without any is found by it alone.

        Parameters
        ----------
        anchors : known items; they are not on the list
        now : event time, unix seconds
        withdrawn : whether items that must not be shown are listed too, as users may have them
        """
        query = Query(anchors, now, NOTHING)
        with self._anything(anchors) if withdrawn else self._mask(anchors, now) as mask:
            together, _ = self._together.top_k(query, PROPOSED, mask)
            alike, _ = self._content.top_k(query, PROPOSED, mask, wait=False)  # for thousands, after an import
        items = np.unique(np.concatenate((together, alike)))
        of_visits = self._together.score_many(query, items).astype(np.float64)
        of_words = ALIKE * self._content.score_many(query, items).astype(np.float64)
        scores = of_visits + of_words
        best = np.lexsort((items, -scores))[:k]
        names = (self._together.name, self._content.name)
        return Listing(items[best], scores[best], tuple(names[by] for by in (of_words > of_visits)[best].tolist()))

    def also_bought(self, anchors: NDArray[np.int32], k: int, now: float) -> Listing:
        """Items that users bought who bought one of these, before or after it: by a damped cosine, in [0, 1).

        Purchases alone count, events of kind `purchase` that were not returned: of a site that sends none it is empty.
        """
        with self._mask(anchors, now) as mask:
            return Listing.of(*self.bought.top_k(Query(anchors, now, NOTHING), k, mask), "bought")

    def popular(self, k: int, now: float, category: str | None = None) -> Listing:
        """Items with the most events lately, decayed by `sources.popularity_half_life`: of the 400, or 50 a category.

        Parameters
        ----------
        category : the first one of an item; None: any
        """
        listed = self._listed(self._slow, category, now)
        counts = self._slow.score_many(Query(NOTHING, now, NOTHING), listed)
        return _best(listed, counts, counts > 0.0, k, self._slow.name)

    def rising(self, k: int, now: float, category: str | None = None) -> Listing:
        """Items with more events than of late: the fast count over what the slow one lets expect of it, plus one.

        A list of those with at least `LEAST_EVENTS` and a score above 1, out of the 400 with the most events by
        `sources.fast_half_life`, or those and 50 of a category.
        """
        listed = self._listed(self._fast, category, now)
        query = Query(NOTHING, now, NOTHING)
        fast, slow = (source.score_many(query, listed).astype(np.float64) for source in (self._fast, self._slow))
        expected = slow * _ratio(self._fast, self._slow)
        scores = fast / (expected + PSEUDO_EVENTS)
        return _best(listed, scores, (fast >= LEAST_EVENTS) & (scores > 1.0), k, "trending")

    def latest(self, k: int, now: float, category: str | None = None) -> Listing:
        """Items by when they were first mentioned, the newest first; the score is that event time, unix seconds.

        An id that was removed and described again is new then, if `sources.reused_ids` says so.
        """
        found, number, size = list[int](), self._number(category), self.catalogue.size
        with self._mask(NOTHING, now) as mask:
            for end in range(size, 0, -CHUNK):
                start = max(0, end - CHUNK)
                free = mask[start:end] == 0
                if number is not None:
                    free &= self.catalogue.category[start:end] == number
                found += (start + np.flatnonzero(free)[::-1]).tolist()
                if len(found) >= k:
                    break
        items = np.array(found[:k], np.int32)
        return Listing.of(items, self.catalogue.since[items], "latest")

    def _listed(self, counted: Popularity, category: str | None, now: float) -> NDArray[np.int32]:
        """Items that may be shown: with the most events, or of a category."""
        number, top = self._number(category), counted.listed
        if number is not None:
            shelf = self._categories.listed(number)
            top = np.unique(np.concatenate((shelf, top[self.catalogue.category[top] == number])))
        with self._mask(NOTHING, now) as mask:
            found: NDArray[np.int32] = top[mask[top] == 0]
        return found

    def _number(self, category: str | None) -> int | None:
        """None of any; that of unknown ones has no item that the catalogue describes."""
        return None if category is None else self.catalogue.categories.get(category, NO_CATEGORY - 1)

    @contextmanager
    def _mask(self, without: NDArray[np.int32], now: float) -> Iterator[NDArray[np.uint8]]:
        """What must not be shown, by item: blocked, expired by now, or one of `without`."""
        left_out = np.concatenate((without, self.catalogue.expiring(now)))
        with self.catalogue.masked(left_out, INELIGIBLE) as mask:
            yield mask

    @contextmanager
    def _anything(self, without: NDArray[np.int32]) -> Iterator[NDArray[np.uint8]]:
        mask = np.zeros(self.catalogue.size, np.uint8)
        mask[without] = INELIGIBLE
        yield mask


def _best(
    items: NDArray[np.int32], scores: NDArray[Any], kept: NDArray[np.bool_], k: int, because: str
) -> Listing:  # fmt: skip
    items, scores = items[kept], scores[kept]
    best = np.lexsort((items, -scores))[:k]
    return Listing.of(items[best], scores[best], because)


def _ratio(fast: Popularity, slow: Popularity) -> float:
    """What turns a slow count into the fast one of an item whose share of all events never changes."""
    total = slow.total
    return fast.total / total if total > 0.0 else 0.0
