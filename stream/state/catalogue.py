"""What the model knows of items beyond their use: may they be shown, their category, their age."""

from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from learners import ELIGIBLE, INELIGIBLE, State
from learners.arrays.grow import grown
from stream.records.log import ItemSnapshot
from stream.records.schemas import Item
from stream.state.attributes import Facts, item_facts

UNPRICED = -1.0
REMOVED = -np.inf  # as the time at which an item expires
NO_CATEGORY = 0  # of items that nothing is known of


class Catalogue:
    """One row per item index, grown by doubling; a fold of item records and events.

    Parameters
    ----------
    allow_unknown : whether items that no catalogue record describes may be recommended
    """

    def __init__(self, *, allow_unknown: bool = True) -> None:
        self.allow_unknown = allow_unknown
        self.size = 0
        self.events = 0  # seen so far: the clock of `born` and `used`
        self.withdrawals = 0  # items blocked since the start of this process: a change asks for new slates
        self.blocked: NDArray[np.uint8] = np.empty(0, np.uint8)
        self._mask: NDArray[np.uint8] = np.empty(0, np.uint8)  # equal to `blocked`, but within `masked`
        self.expires: NDArray[np.float64] = np.empty(0)  # event time, unix seconds
        self.category: NDArray[np.int32] = np.empty(0, np.int32)  # index of the item's first category
        self.born: NDArray[np.int64] = np.empty(0, np.int64)  # `events` at the item's first mention
        self.used: NDArray[np.int64] = np.empty(0, np.int64)  # `events` at the item's last event, -1 before it
        self.since: NDArray[np.float64] = np.empty(0)  # event time of the item's first mention, 0: not known
        self._expiring: list[tuple[float, int]] = []  # heap of (event time, item)
        self.categories: dict[str, int] = {}
        self.price: NDArray[np.float64] = np.empty(0)  # UNPRICED: unknown
        self.facts = Facts()  # categories, price and attributes, for rules

    def add_item(self, item: int, time: float = 0.0) -> None:
        """Make room for a new item index, first mentioned at event time `time`; nothing else is known of it yet."""
        if item >= len(self.blocked):
            room = max(1024, 2 * (item + 1))
            self.blocked = grown(self.blocked, room, ELIGIBLE)
            self._mask = grown(self._mask, room, ELIGIBLE)
            self.expires = grown(self.expires, room, np.inf)
            self.category = grown(self.category, room, NO_CATEGORY)
            self.born = grown(self.born, room)
            self.used = grown(self.used, room, -1)
            self.since = grown(self.since, room)
            self.price = grown(self.price, room, UNPRICED)
            self.facts.make_room(room)
        self.size = max(self.size, item + 1)
        self._block(item, ELIGIBLE if self.allow_unknown else INELIGIBLE)
        self.born[item], self.since[item] = self.events, time

    def describe(self, item: int, record: Item | None) -> None:
        """Take a catalogue record into account; None is the item's end."""
        level = ELIGIBLE if record is not None and record.available else INELIGIBLE
        self.withdrawals += int(level == INELIGIBLE and self.blocked[item] != INELIGIBLE)
        self._block(item, level)
        if record is None:
            self.expires[item] = REMOVED
            return
        self.expires[item] = np.inf if record.expires_at is None else record.expires_at
        if record.expires_at is not None:
            heappush(self._expiring, (record.expires_at, item))
            if len(self._expiring) > 2 * self.size + 16:  # items described again and again
                self._list_expiring()
        self.category[item] = NO_CATEGORY
        if record.categories:
            self.category[item] = self.categories.setdefault(record.categories[0], len(self.categories) + 1)
        self.price[item] = UNPRICED if record.price is None else record.price
        self.facts.put(item, item_facts(record))

    def expire(self, now: float) -> None:
        """Block what has expired by event time `now`, so that sources do not spend their places on it."""
        while self._expiring and self._expiring[0][0] <= now:
            _, item = heappop(self._expiring)
            if self.expires[item] <= now:
                self.withdrawals += int(self.blocked[item] != INELIGIBLE)
                self._block(item, INELIGIBLE)

    def expiring(self, now: float) -> NDArray[np.int32]:
        """Items that may be shown by the fold, but have expired by event time `now`."""
        if not self._expiring or self._expiring[0][0] > now:
            return np.empty(0, np.int32)
        gone = (self.expires[: self.size] <= now) & (self.blocked[: self.size] == ELIGIBLE)
        return np.flatnonzero(gone).astype(np.int32)

    @contextmanager
    def masked(self, items: NDArray[np.int32], levels: NDArray[np.uint8] | int) -> Iterator[NDArray[np.uint8]]:
        """Lend `blocked` of all known items with other levels for some; read it within the `with` block only."""
        self._mask[items] = levels
        try:
            yield self._mask[: self.size]
        finally:
            self._mask[items] = self.blocked[items]

    @contextmanager
    def without(self, items: NDArray[np.int32] | NDArray[np.bool_]) -> Iterator[None]:
        """Within the `with` block, some known items are on no list: their numbers, or of all known ones which."""
        blocked, mask = self.blocked[: self.size], self._mask[: self.size]
        levels = blocked.copy()
        blocked[items] = mask[items] = INELIGIBLE
        try:
            yield
        finally:
            blocked[:] = mask[:] = levels

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """What compiled code reads of all items; all are replaced together."""
        return self.blocked, self._mask, self.expires, self.category, self.born, self.used, self.since

    def starts_afresh(self, item: int) -> bool:
        """Whether an item was removed, and there is something of it to be left behind."""
        return bool(self.expires[item] == REMOVED and self.used[item] >= 0)

    def _block(self, item: int, level: int) -> None:
        self.blocked[item] = self._mask[item] = level

    def touch(self, item: int) -> None:
        """Count an event on the item."""
        self.events += 1
        self.used[item] = self.events

    def touched(self, item: int, price: float | None) -> ItemSnapshot:
        """What a profile learns from an event on an item (-1: unknown), bought for `price` if that is known."""
        if item < 0:
            return ItemSnapshot(NO_CATEGORY, price)
        known = self.price.item(item)
        return ItemSnapshot(self.category.item(item), price if price is not None or known == UNPRICED else known)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays in a fixed order; views, valid until the next change."""
        n = self.size
        return {
            "blocked": self.blocked[:n], "expires": self.expires[:n], "category": self.category[:n],
            "born": self.born[:n], "used": self.used[:n], "price": self.price[:n], "since": self.since[:n],
            "events": np.array([self.events]),
            "categories": np.frombuffer(msgspec.msgpack.encode(list(self.categories)), np.uint8),
            **self.facts.state(n),
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self.blocked = np.array(state["blocked"], np.uint8)
        self._mask = self.blocked.copy()
        self.expires = np.array(state["expires"], np.float64)
        self.category = np.array(state["category"], np.int32)
        self.born = np.array(state["born"], np.int64)
        self.used = np.array(state["used"], np.int64)
        self.price = np.array(state["price"], np.float64)
        self.size, self.events = len(self.blocked), int(state["events"][0])
        self.since = np.array(state.get("since", np.zeros(self.size)), np.float64)  # not in older snapshots
        names = msgspec.msgpack.decode(state["categories"].tobytes(), type=list[str])
        self.categories = {name: number for number, name in enumerate(names, start=1)}
        self.facts.restore(state["facts"], state["fact_counts"])
        self._list_expiring()

    def _list_expiring(self) -> None:
        """One entry per item that expires; what has expired is blocked already, to meet it again changes nothing."""
        expires = self.expires[: self.size]
        self._expiring = [(float(expires[item]), int(item)) for item in np.flatnonzero(expires < np.inf)]
        heapify(self._expiring)
