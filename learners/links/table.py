"""A bounded table of weighted links between items: what co-visitation and sequential rules learn into."""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.base import State
from learners.interactions import Interactions

# A power of two rescales float32 weights exactly and leaves them half of their exponents.
_UNIT_LIMIT = 2.0**64


@njit(cache=True)
def _strengthen(items: NDArray[np.int32], weights: NDArray[np.float32], row: int, item: int, amount: float) -> None:
    """Add `amount` to the link from `row` to `item`; in a full row the lightest, leftmost of equals, gives way.

    The newcomer inherits half its weight: it need not start below links that were once as new, nor does one event
    make it as heavy as the one it displaced.
    """
    lightest = 0
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
def _link(
    items: NDArray[np.int32],
    weights: NDArray[np.float32],
    size: int,
    item: int,
    earlier: NDArray[np.int32],
    amounts: NDArray[np.float64],
    unit: float,
    both: bool,
) -> None:
    for n in range(min(len(earlier), len(amounts))):
        other = earlier[n]
        if 0 <= other < size:
            if not both:
                _strengthen(items, weights, other, item, amounts[n] * unit)
            elif other != item:
                _strengthen(items, weights, other, item, amounts[n] * unit)
                _strengthen(items, weights, item, other, amounts[n] * unit)


@njit(cache=True)
def _link_all(
    items: NDArray[np.int32], weights: NDArray[np.float32], counts: NDArray[np.float64], unit: NDArray[np.float64],
    size: int, events: NDArray[np.int32], starts: NDArray[np.int64], lengths: NDArray[np.int64],
    earlier: NDArray[np.int32], amounts: NDArray[np.float64], growth: float, both: bool,
) -> None:  # fmt: skip
    """Count every event, and link what came before it: of each, so many from its start on."""
    for n in range(len(events)):
        unit[0] *= growth
        counts[events[n]] += unit[0]
        before = earlier[starts[n] : starts[n] + lengths[n]]
        _link(items, weights, size, events[n], before, amounts, unit[0], both)
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

    Attributes
    ----------
    items : int32[capacity, width]
        Link targets, filled from the left, -1 where empty.
    weights : float32[capacity, width]
    counts : float64[capacity]
        Events of each item.
    unit : float64[1]
        What an event of now weighs.
    """

    def __init__(self, width: int, half_life: float | None) -> None:
        self.size = 0
        self.items = np.full((16, width), -1, np.int32)
        self.weights = np.zeros((16, width), np.float32)
        self.counts = np.zeros(16)
        self.unit = np.ones(1)
        self._half_life = math.inf if half_life is None else half_life
        self._growth = 2.0 ** (1.0 / self._half_life)

    def add_item(self, item: int) -> None:
        """Make room for all indices up to `item`."""
        self.size = max(self.size, item + 1)
        self.items = grown(self.items, self.size, fill=-1)
        self.weights = grown(self.weights, self.size)
        self.counts = grown(self.counts, self.size)

    def learn_one(
        self, item: int, earlier: NDArray[np.int32], amounts: NDArray[np.float64], both_directions: bool
    ) -> None:
        """Count `item` and link each of `earlier` to it by the amount of its position (and back, never to itself)."""
        starts, length = np.zeros(1, np.int64), np.array([len(earlier)], np.int64)
        self._learn(np.array([item], np.int32), starts, length, earlier, amounts, both_directions)

    def learn_many(
        self, events: Interactions, lengths: NDArray[np.int64], amounts: NDArray[np.float64], both_directions: bool
    ) -> None:
        """The same for many events, each linked to so many of its `recent` items."""
        self._learn(events.items, events.starts, lengths, events.recent, amounts, both_directions)

    def _learn(
        self, items: NDArray[np.int32], starts: NDArray[np.int64], lengths: NDArray[np.int64],
        earlier: NDArray[np.int32], amounts: NDArray[np.float64], both_directions: bool,
    ) -> None:  # fmt: skip
        _link_all(
            self.items, self.weights, self.counts, self.unit, self.size, items, starts, lengths, earlier, amounts,
            self._growth, both_directions,
        )  # fmt: skip

    def set_half_life(self, half_life: float) -> None:
        """Halve links every so many events, or as configured if that is sooner, until told otherwise."""
        self._growth = 2.0 ** (1.0 / min(self._half_life, half_life))

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the four arrays."""
        known = slice(self.size)
        return {
            "items": self.items[known],
            "weights": self.weights[known],
            "counts": self.counts[known],
            "unit": self.unit,
        }

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self.size = len(state["counts"])
        self.items = np.array(state["items"], np.int32)
        self.weights = np.array(state["weights"], np.float32)
        self.counts = np.array(state["counts"], np.float64)
        self.unit = np.array(state["unit"], np.float64)
