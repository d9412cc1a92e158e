"""A bounded table of weighted links between items: what co-visitation and sequential rules learn into."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.base import State
from learners.interactions import Interactions

# A power of two rescales float32 weights exactly and leaves them half of their exponents.
_UNIT_LIMIT = 2.0**64


class Links(NamedTuple):
    """The table, for compiled code.

    Attributes
    ----------
    items : int32[capacity, width], link targets, filled from the left, -1 where empty
    weights : float32[capacity, width]
    counts : float64[capacity], events of each item
    unit : float64[1], weight of an event of now
    closeness : float64[history], weight of a link by how many items ago the other one was
    """

    items: NDArray[np.int32]
    weights: NDArray[np.float32]
    counts: NDArray[np.float64]
    unit: NDArray[np.float64]
    closeness: NDArray[np.float64]


@njit(cache=True)
def _strengthen(links: Links, row: int, item: int, amount: float) -> None:
    """Add `amount` to the link from `row` to `item`; in a full row it replaces the lightest, leftmost of equals.

    The new link inherits half the weight of the replaced one: it need not start below links that were once as new, nor
    does one event make it as heavy as the one it replaced.
    """
    items, weights, lightest = links.items, links.weights, 0
    for slot in range(items.shape[1]):
        if items[row, slot] == item:
            weights[row, slot] += amount
            return
        if items[row, slot] < 0:
            items[row, slot] = item
            weights[row, slot] = amount
            return
        if weights[row, slot] < weights[row, lightest]:
            lightest = slot
    items[row, lightest] = item
    weights[row, lightest] = amount + 0.5 * weights[row, lightest]


@njit(cache=True)
def _link(links: Links, size: int, item: int, earlier: NDArray[np.int32], both: bool) -> None:
    unit = links.unit[0]
    for n in range(min(len(earlier), len(links.closeness))):
        other, amount = earlier[n], links.closeness[n] * unit
        if 0 <= other < size:
            if not both:
                _strengthen(links, other, item, amount)
            elif other != item:
                _strengthen(links, other, item, amount)
                _strengthen(links, item, other, amount)


@njit(cache=True)
def link_events(
    links: Links, size: int, growth: float, both: bool, events: NDArray[np.int32], starts: NDArray[np.int64],
    lengths: NDArray[np.int64], earlier: NDArray[np.int32],
) -> None:  # fmt: skip
    """Count every event, and link what came before it: of each, so many items from its start on."""
    weights, counts, unit = links.weights, links.counts, links.unit
    for n in range(len(events)):
        unit[0] *= growth
        counts[events[n]] += unit[0]
        _link(links, size, events[n], earlier[starts[n] : starts[n] + lengths[n]], both)
        if unit[0] >= _UNIT_LIMIT:
            scale = 1.0 / _UNIT_LIMIT
            weights *= np.float32(scale)
            counts *= scale
            unit *= scale


class NeighbourTable:
    """At most `width` weighted links from every item, and how often each item occurred, both decayed.

    Decay is forward, as in `Popularity`: the unit of new weights grows, all is rescaled once every 64 half-lives.

    Parameters
    ----------
    width
        Links kept an item.
    half_life
        Events after which a link or an occurrence counts half; None keeps all for ever.
    closeness
        Weight of a link by how many items ago the other one was; further ones are not linked.
    both_directions
        Whether items are linked back, and then never to themselves.

    Attributes
    ----------
    size : int
        Known items.
    links : Links
    """

    def __init__(
        self, width: int, half_life: float | None, closeness: NDArray[np.float64], both_directions: bool
    ) -> None:
        self.size = 0
        self.links = Links(
            np.full((16, width), -1, np.int32),
            np.zeros((16, width), np.float32),
            np.zeros(16),
            np.ones(1),
            closeness,
        )
        self._item, self._start, self._length = np.zeros(1, np.int32), np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._both_directions = both_directions
        self._half_life = math.inf if half_life is None else half_life
        self.growth: float = 2.0 ** (1.0 / self._half_life)  # of the unit, an event

    def add_item(self, item: int) -> None:
        """Make room for all indices up to `item`."""
        self.size = max(self.size, item + 1)
        links = self.links
        if self.size > len(links.counts):
            self.links = links._replace(
                items=grown(links.items, self.size, fill=-1),
                weights=grown(links.weights, self.size),
                counts=grown(links.counts, self.size),
            )

    def learn_one(self, item: int, earlier: NDArray[np.int32]) -> None:
        """Count `item` and link each of `earlier`, newest first, to it."""
        self._item[0], self._length[0] = item, len(earlier)
        self._learn(self._item, self._start, self._length, earlier)

    def learn_many(self, events: Interactions, lengths: NDArray[np.int64]) -> None:
        """Do the same for many events, each linked to so many of its `recent` items."""
        self._learn(events.items, events.starts, lengths, events.recent)

    def _learn(
        self, items: NDArray[np.int32], starts: NDArray[np.int64], lengths: NDArray[np.int64],
        earlier: NDArray[np.int32],
    ) -> None:  # fmt: skip
        link_events(self.links, self.size, self.growth, self._both_directions, items, starts, lengths, earlier)

    def set_half_life(self, half_life: float) -> None:
        """Halve links every so many events, or as configured if that is sooner, until the next call."""
        self.growth = 2.0 ** (1.0 / min(self._half_life, half_life))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the four arrays."""
        known, links = slice(self.size), self.links
        return {
            "items": links.items[known],
            "weights": links.weights[known],
            "counts": links.counts[known],
            "unit": links.unit,
        }

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self.size = len(state["counts"])
        self.links = self.links._replace(
            items=np.array(state["items"], np.int32),
            weights=np.array(state["weights"], np.float32),
            counts=np.array(state["counts"], np.float64),
            unit=np.array(state["unit"], np.float64),
        )
