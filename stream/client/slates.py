"""State of a reader of `recommendations`: each user's newest slate, what moved in it, and the items' titles."""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple

import msgspec

from stream.records.codec import Rejection, decode_item
from stream.records.schemas import Recommendation, Slot
from stream.records.withheld import Withheld

MAX_SHOWN = 500_000  # items that are counted
_RECOMMENDATION = msgspec.json.Decoder(Recommendation)


class Refresh(NamedTuple):
    """A slate that takes the place of another."""

    slate: Recommendation
    before: Recommendation | None
    written_at: float  # Kafka timestamp of the slate, unix seconds

    def moves(self) -> list[str]:
        """What moved, slot by slot; nothing if there was no slate before."""
        items = [slot.item_id for slot in self.slate.slots]
        return [""] * len(items) if self.before is None else moves([slot.item_id for slot in self.before.slots], items)


def moves(before: list[str], after: list[str]) -> list[str]:
    """For each item after: `new`, `+2` (two places up), `-1`, or nothing if it stayed.

    >>> moves(["a", "b", "d"], ["b", "a", "c"])
    ['+1', '-1', 'new']
    """
    old = {item: place for place, item in enumerate(before)}
    return [
        "new" if item not in old else "" if old[item] == place else f"{old[item] - place:+d}"
        for place, item in enumerate(after)
    ]


FILL = "fill"  # source of what takes the place of a withdrawn item


class Slates:
    """The newest slate of each user, the user refreshed last at the end.

    Parameters
    ----------
    users : so many are kept; those refreshed longest ago go first
    """

    def __init__(self, users: int = 100_000) -> None:
        self.users = users
        self.newest: OrderedDict[str, Refresh] = OrderedDict()
        self.shown: Counter[str] = Counter()  # slates of anybody that showed an item

    def see(self, slate: Recommendation | bytes | None) -> None:
        """Count what is shown to somebody, for slates that must be filled up."""
        if slate is not None and len(self.shown) < MAX_SHOWN:
            slots = slate.slots if isinstance(slate, Recommendation) else _RECOMMENDATION.decode(slate).slots
            self.shown.update(slot.item_id for slot in slots)

    def take(self, key: bytes, value: bytes | None, written_at: float) -> Refresh | None:
        """Take in one record; None if it is no news: a tombstone, or a slate of a fenced owner."""
        user_id = key.decode()
        old = self.newest.get(user_id)
        if value is None:
            self.newest.pop(user_id, None)
            return None
        slate = _RECOMMENDATION.decode(value)
        before = None if old is None else old.slate
        if before is not None and slate.epoch < before.epoch:
            return None
        refresh = self.newest[user_id] = Refresh(slate, before, written_at)
        self.newest.move_to_end(user_id)
        if len(self.newest) > self.users:
            self.newest.popitem(last=False)
        return refresh


def withdrawn_from(slate: Recommendation, withheld: Withheld) -> list[str]:
    """Items of a slate that must not be shown now."""
    withheld.expire(time.time())
    return [slot.item_id for slot in slate.slots if withheld.has(slot.item_id)]


def current(refresh: Refresh, titles: "Titles", shown: Counter[str]) -> Refresh:
    """The slate without the items that must not be shown now, filled up with those that others are shown most.

    No policy drew these, so their propensity is nan, null in JSON: estimates must leave them out.
    """
    gone = frozenset(withdrawn_from(refresh.slate, titles.withheld))
    if not gone:
        return refresh
    kept = [slot for slot in refresh.slate.slots if slot.item_id not in gone]
    taken = {slot.item_id for slot in refresh.slate.slots}
    others = chain((item for item, _ in shown.most_common()), titles)
    fit = (item for item in dict.fromkeys(others) if item not in taken and not titles.withheld.has(item))
    fill = [Slot(item, 0.0, FILL, math.nan) for item in islice(fit, len(gone))]
    return refresh._replace(slate=msgspec.structs.replace(refresh.slate, slots=kept + fill))


class Titles:
    """The items' titles and which of them are withheld, from the catalogue topic."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}
        self.withheld = Withheld()

    def __iter__(self) -> Iterator[str]:
        """The items of the catalogue."""
        return iter(self._titles)

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take in one record of catalog.items; one that the worker would not accept changes nothing."""
        if not value:
            removed = (key or b"").decode(errors="replace")
            self._titles.pop(removed, None)
            self.withheld.item(removed, None)
            return
        item = decode_item(key, value)
        if not isinstance(item, Rejection):
            self._titles[item.item_id] = item.title or item.item_id
            self.withheld.item(item.item_id, item)

    def __getitem__(self, item_id: str) -> str:
        """Title of an item, or its id where none is known."""
        return self._titles.get(item_id, item_id)
