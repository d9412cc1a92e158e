"""State of a reader of `recommendations`: each user's newest slate, what moved in it, and the items' titles."""

from collections import OrderedDict
from typing import NamedTuple

import msgspec

from stream.records.codec import Rejection, decode_item
from stream.records.schemas import Recommendation

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


class Slates:
    """The newest slate of each user, the user refreshed last at the end.

    Parameters
    ----------
    users : so many are kept; those refreshed longest ago go first
    """

    def __init__(self, users: int = 100_000) -> None:
        self.users = users
        self.newest: OrderedDict[str, Refresh] = OrderedDict()

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


class Titles:
    """The items' titles, from the catalogue topic."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take in one record of catalog.items; one that the worker would not accept changes nothing."""
        if not value:
            self._titles.pop((key or b"").decode(errors="replace"), None)
            return
        item = decode_item(key, value)
        if not isinstance(item, Rejection):
            self._titles[item.item_id] = item.title or item.item_id

    def __getitem__(self, item_id: str) -> str:
        """Title of an item, or its id where none is known."""
        return self._titles.get(item_id, item_id)
