"""What has just come into the catalogue, in the categories that the user looks at."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import About, Impersonal, Interaction, Query, State, require_known
from learners.vocabulary import Vocabulary

_STEP = 0.8  # how much less each older item counts
_ANYWHERE = 0.1  # share of a category that the user has not looked at
_NOWHERE = 0  # category of items of which nothing is known


@njit(cache=True)
def _enlist(born: NDArray[np.int64], row: NDArray[np.int32], item: int) -> None:
    """Put `item` at its place in a list, newest and of equals the higher index first; the oldest is dropped."""
    place = len(row)
    while place > 0:
        other = row[place - 1]
        if other >= 0 and (born[other] > born[item] or (born[other] == born[item] and other > item)):
            break
        place -= 1
    if place < len(row):
        row[place + 1 :] = row[place:-1].copy()
        row[place] = item


@njit(cache=True)
def _strike(row: NDArray[np.int32], item: int) -> None:
    """Take `item` off a list."""
    for n in range(len(row)):
        if row[n] == item:
            row[n:-1] = row[n + 1 :].copy()
            row[-1] = -1
            return


@njit(cache=True)
def _fill_shares(
    category: NDArray[np.int32], recent: NDArray[np.int32], size: int, shares: NDArray[np.float64],
    names: NDArray[np.int32],
) -> int:  # fmt: skip
    """Write the share of each of the user's categories into `shares`, all 0 before; return how many there are."""
    found, weight, total = 0, 1.0, 0.0
    for item in recent[: len(names)]:
        if 0 <= item < size:
            if shares[category[item]] == 0.0:
                names[found] = category[item]
                found += 1
            shares[category[item]] += weight
            total += weight
            weight *= _STEP
    for name in names[:found]:
        shares[name] /= total
    return found


@njit(cache=True)
def _score(share: float, age: int, count: int, max_age: int, max_events: int) -> float:
    if age >= max_age or count >= max_events:
        return 0.0
    return (share + _ANYWHERE) * (1.0 - age / max_age) / (1.0 + count)


@njit(cache=True)
def _scores(
    category: NDArray[np.int32], born: NDArray[np.int64], counts: NDArray[np.int32], now: int, size: int,
    shares: NDArray[np.float64], limits: tuple[int, int], items: NDArray[np.int32],
) -> NDArray[np.float32]:  # fmt: skip
    scores = np.zeros(len(items), np.float32)
    for n, item in enumerate(items):
        if 0 <= item < size:
            scores[n] = _score(shares[category[item]], now - born[item], counts[item], limits[0], limits[1])
    return scores


@njit(cache=True)
def _collect(
    category: NDArray[np.int32], newest: NDArray[np.int32], anywhere: NDArray[np.int32], names: NDArray[np.int32],
    blocked: NDArray[np.uint8],
) -> NDArray[np.int32]:  # fmt: skip
    """Return the eligible items on the lists of the user's categories and on the list of all, each once."""
    items, count = np.empty((len(names) + 1) * newest.shape[1] + len(anywhere), np.int32), 0
    for name in names:
        for item in newest[name]:
            if item < 0:
                break
            if blocked[item] == 0:
                items[count] = item
                count += 1
    for item in anywhere:
        if item < 0:
            break
        listed = False  # already, by its category
        for name in names:
            listed = listed or name == category[item]
        if not listed and blocked[item] == 0:
            items[count] = item
            count += 1
    return items[:count]


class NewItems(Impersonal):
    r"""The newest items of the user's recent categories, those with the fewest events first.

    $$score(i) = (share_{c_i} + .1) \Big(1 - \frac{n - n_i}{N}\Big) \frac{1}{1 + m_i}$$

    $n$ counts the site's events, $n_i$ those before item $i$ was first mentioned, $m_i$ the events on it, $share_c$ is
    category $c$'s part in the user's last items, each weighing .8 of the one after. After $N$ events of the site, or
    `max_events` on it, an item is no longer new and scores 0. Its category is the first one that the catalogue
    names, none until it is described. Candidates are the newest items of each of the user's categories, and of all.

    Parameters
    ----------
    max_age
        $N$; > 0.
    max_events
        Events after which an item is known well enough; > 0.
    listed
        Newest items remembered a category, and of all.
    history
        Last distinct items of the user that are looked at.
    categories
        Categories kept; items of later ones count as having none.

    Examples
    --------
    >>> source, nothing = NewItems(), np.empty(0, np.int32)
    >>> for item, category in enumerate(("tea", "coal", "tea")):
    ...     source.add_item(item)
    ...     source.describe(item, About(categories=(category,)))
    >>> query = Query(np.array([0], np.int32), 0.0, nothing)
    >>> [column.tolist() for column in source.top_k(query, 5, np.array([2, 0, 0], np.uint8))]
    [[2, 1], [1.1, 0.1]]
    """

    name = "new_items"

    def __init__(
        self, max_age: int = 20_000, max_events: int = 20, listed: int = 50, history: int = 10, categories: int = 10_000
    ) -> None:
        self._limits = (max_age, max_events)
        self._most_names = categories + 1
        self._size = 0
        self._events = np.zeros(1, np.int64)
        self._born = np.zeros(16, np.int64)  # events before the first mention
        self._counts = np.zeros(16, np.int32)
        self._category = np.full(16, _NOWHERE, np.int32)
        self._names = Vocabulary([""])  # of categories
        self._newest = np.full((1, listed), -1, np.int32)  # [categories, listed], newest first, -1: free
        self._anywhere = np.full(listed, -1, np.int32)
        self._shares = np.zeros(1)  # scratch, all 0 between calls
        self._own = np.empty(history, np.int32)  # scratch

    def add_item(self, item: int) -> None:
        """Make room for `item`, new from now on."""
        self._born = grown(self._born, item + 1)
        self._counts = grown(self._counts, item + 1)
        self._category = grown(self._category, item + 1)
        for new in range(self._size, item + 1):
            self._born[new] = self._events[0]
            _enlist(self._born, self._newest[_NOWHERE], new)
            _enlist(self._born, self._anywhere, new)
        self._size = max(self._size, item + 1)

    def describe(self, item: int, about: About) -> None:
        """Put the item into its first category."""
        require_known(self.name, item, self._size)
        category = self._number(about.categories[0]) if about.categories else _NOWHERE
        if category == self._category[item]:
            return
        self._newest = grown(self._newest, len(self._names), fill=-1)
        self._shares = grown(self._shares, len(self._names))
        _strike(self._newest[self._category[item]], item)
        self._category[item] = category
        if self._is_new(item):
            _enlist(self._born, self._newest[category], item)

    def learn_one(self, event: Interaction) -> None:
        """Count one event; an item that is known well enough leaves the lists."""
        require_known(self.name, event.item, self._size)
        self._events[0] += 1
        if not self._is_new(event.item):
            return
        self._counts[event.item] += 1  # up to `max_events`: what comes after makes no difference
        if self._counts[event.item] == self._limits[1]:
            _strike(self._newest[self._category[event.item]], event.item)
            _strike(self._anywhere, event.item)

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the newest items of the user's categories, and others after them."""
        own = self._fill(query)
        items = _collect(self._category, self._newest, self._anywhere, own, blocked)
        scores = self._score(items)
        self._shares[own] = 0.0
        found = scores > 0.0
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = best_first(items[found], scores[found], k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the novelty of each item times its category's share."""
        own = self._fill(query)
        scores = self._score(items)
        self._shares[own] = 0.0
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the items' birth, events and category, the lists, and the categories' names."""
        known, names = slice(self._size), self._names.state()
        return {
            "events": self._events, "born": self._born[known], "counts": self._counts[known],
            "category": self._category[known], "newest": self._newest[: len(self._names)],
            "anywhere": self._anywhere, "text": names["text"], "ends": names["ends"],
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        if state["anywhere"].shape != self._anywhere.shape:
            raise ValueError(f"lists must have {len(self._anywhere)} places; got {state['anywhere'].shape}")
        self._events = np.array(state["events"], np.int64)
        self._born = np.array(state["born"], np.int64)
        self._counts = np.array(state["counts"], np.int32)
        self._category = np.array(state["category"], np.int32)
        self._newest = np.array(state["newest"], np.int32)
        self._anywhere = np.array(state["anywhere"], np.int32)
        self._names.restore(state)
        self._shares = np.zeros(len(self._newest))
        self._size = len(self._born)

    def _number(self, category: str) -> int:
        full = len(self._names) >= self._most_names
        return max(self._names.index(category), _NOWHERE) if full else self._names.intern(category)

    def _is_new(self, item: int) -> bool:
        max_age, max_events = self._limits
        return bool(self._events[0] - self._born[item] < max_age and self._counts[item] < max_events)

    def _fill(self, query: Query) -> NDArray[np.int32]:
        """Write the shares of the user's categories into the scratch array; return which they are."""
        count = _fill_shares(self._category, query.recent, self._size, self._shares, self._own)
        return self._own[:count]

    def _score(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = _scores(
            self._category, self._born, self._counts, self._events[0], self._size, self._shares, self._limits, items
        )
        return scores
