"""An inverted index: sparse rows of tokens, and for each token the items that hold it, the newest first."""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.base import State
from learners.content.tokens import DIMENSIONS


@njit(cache=True)
def _link(
    tokens: NDArray[np.int32], following: NDArray[np.int32], before: NDArray[np.int32], heads: NDArray[np.int32],
    item: int,
) -> None:  # fmt: skip
    """Put the places of an item's row at the heads of its tokens' lists."""
    width = tokens.shape[1]
    for slot in range(width):
        token = tokens[item, slot]
        if token < 0:
            return
        place = item * width + slot
        following[place], before[place] = heads[token], -1
        if heads[token] >= 0:
            before[heads[token]] = place
        heads[token] = place


@njit(cache=True)
def _unlink(
    tokens: NDArray[np.int32], following: NDArray[np.int32], before: NDArray[np.int32], heads: NDArray[np.int32],
    item: int,
) -> None:  # fmt: skip
    width = tokens.shape[1]
    for slot in range(width):
        token = tokens[item, slot]
        if token < 0:
            return
        place = item * width + slot
        if before[place] < 0:
            heads[token] = following[place]
        else:
            following[before[place]] = following[place]
        if following[place] >= 0:
            before[following[place]] = before[place]


@njit(cache=True)
def _link_all(
    tokens: NDArray[np.int32], following: NDArray[np.int32], before: NDArray[np.int32], heads: NDArray[np.int32],
    items: NDArray[np.int64],
) -> None:  # fmt: skip
    for item in items:
        _link(tokens, following, before, heads, item)


class InvertedIndex:
    """At most `width` weighted tokens of every item, how many items hold each token, and which.

    The list of a token is linked through the rows, forwards and backwards: it needs no memory of its own, removing an
    item takes constant time, and rebuilding in the order of `said` gives the same lists.

    Parameters
    ----------
    width
        Tokens kept an item: the heaviest by weight times inverse frequency, as known when it is described.

    Attributes
    ----------
    tokens : int32[capacity, width]
        Dimensions in use, -1 from the first free place on.
    weights : float32[capacity, width]
        Their weights; the squares of a row sum to 1.
    said : int64[capacity]
        Number of the item's last description, counted from 1; 0: never described.
    frequency : int32[DIMENSIONS]
        Items that keep the token.
    described, descriptions : int
        Items described, and descriptions taken in.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.size = self.described = self.descriptions = 0
        self.tokens = np.full((16, width), -1, np.int32)
        self.weights = np.zeros((16, width), np.float32)
        self.said = np.zeros(16, np.int64)
        self.frequency = np.zeros(DIMENSIONS, np.int32)
        self.following = np.full(16 * width, -1, np.int32)  # place (item * width + slot) of the next older item
        self.before = np.full(16 * width, -1, np.int32)
        self.heads = np.full(DIMENSIONS, -1, np.int32)

    def add_item(self, item: int) -> None:
        """Make room for all indices up to `item`."""
        self.size = max(self.size, item + 1)
        self.tokens = grown(self.tokens, self.size, fill=-1)
        self.weights = grown(self.weights, self.size)
        self.said = grown(self.said, self.size)
        self.following = grown(self.following, len(self.tokens) * self.width, fill=-1)
        self.before = grown(self.before, len(self.tokens) * self.width, fill=-1)

    def put(self, item: int, counted: dict[int, float]) -> None:
        """Give a known item these tokens in place of those it had."""
        _unlink(self.tokens, self.following, self.before, self.heads, item)
        old = self.tokens[item]
        self.frequency[old[old >= 0]] -= 1
        self.described += self.said[item] == 0
        self.descriptions += 1
        self.said[item] = self.descriptions
        kept = sorted(counted, key=lambda token: (-counted[token] * self.rarity(token), token))[: self.width]
        # fsum rounds once: the same bits in any order and on any machine
        length = math.sqrt(math.fsum(counted[token] ** 2 for token in kept))
        self.tokens[item], self.weights[item] = -1, 0.0
        self.tokens[item, : len(kept)] = kept
        self.weights[item, : len(kept)] = [counted[token] / length for token in kept]
        self.frequency[kept] += 1
        _link(self.tokens, self.following, self.before, self.heads, item)

    def rarity(self, token: int) -> float:
        """Return the inverse document frequency of a token, > 0 once an item is described."""
        return math.log(1.0 + self.described / (1.0 + int(self.frequency[token])))

    def in_order(self) -> NDArray[np.int64]:
        """Return the described items by their last description, oldest first."""
        items = np.flatnonzero(self.said[: self.size])
        order: NDArray[np.int64] = items[np.argsort(self.said[items], kind="stable")]
        return order

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the rows, packed, and when each was said; all else follows."""
        rows = slice(self.size)
        used = self.tokens[rows] >= 0
        return {
            "terms": self.tokens[rows][used], "weights": self.weights[rows][used],
            "lengths": used.sum(axis=1, dtype=np.uint8), "said": self.said[rows],
            "descriptions": np.array([self.descriptions], np.int64),
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        lengths = state["lengths"]
        if lengths.max(initial=0) > self.width:
            raise ValueError(f"a row of tokens must have at most {self.width}; got {lengths.max()}")
        fresh = InvertedIndex(self.width)
        if len(lengths):
            fresh.add_item(len(lengths) - 1)
        used = np.zeros(fresh.tokens.shape, np.bool_)
        used[: fresh.size] = np.arange(self.width) < lengths[:, None]
        fresh.tokens[used], fresh.weights[used] = state["terms"], state["weights"]
        fresh.said[: fresh.size] = state["said"]
        fresh.descriptions = int(state["descriptions"][0])
        fresh.described = int(np.count_nonzero(fresh.said))
        fresh.frequency += np.bincount(state["terms"], minlength=DIMENSIONS).astype(np.int32)
        _link_all(fresh.tokens, fresh.following, fresh.before, fresh.heads, fresh.in_order())
        self.__dict__.update(fresh.__dict__)
