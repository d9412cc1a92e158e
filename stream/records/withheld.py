"""Which items must not be shown now, for readers of `recommendations`: removed, unavailable, expired."""

from heapq import heappop, heappush

from stream.records.schemas import Item

MAX_ITEMS = 2_000_000  # that are kept in mind
REPLAY_S = 86_400.0  # event time behind the clock by more: an old file is sent again


class Withheld:
    """A fold of catalog.items and of the times of events and slates.

    An item expires in event time. Where events are sent as they happen, that is the clock's; where an old file is
    sent again, it runs as far behind the clock as the newest record does.

    >>> withheld = Withheld()
    >>> withheld.item("tea", None)
    >>> withheld.item("rice", Item(item_id="rice", expires_at=9.0))
    >>> withheld.expire(8.0), withheld.has("tea"), withheld.has("rice")
    ([], True, False)
    >>> withheld.expire(9.0), withheld.has("rice")
    (['rice'], True)
    """

    def __init__(self) -> None:
        self._withheld: dict[str, bool] = {}  # item -> whether it was removed
        self._expires: dict[str, float] = {}
        self._expiring: list[tuple[float, str]] = []  # a heap
        self.newest = 0.0  # time of the newest event or slate, 0 before the first
        self._behind = 0.0

    def item(self, item_id: str, item: Item | None) -> None:
        """Take in a record of the catalogue; None: the item was removed."""
        if item is not None and item.available:
            self._withheld.pop(item_id, None)
        elif len(self._withheld) < MAX_ITEMS:
            self._withheld[item_id] = item is None
        expires = None if item is None else item.expires_at
        if expires is None:
            self._expires.pop(item_id, None)
        elif self._expires.get(item_id) != expires and len(self._expires) < MAX_ITEMS:
            self._expires[item_id] = expires
            heappush(self._expiring, (expires, item_id))
            if len(self._expiring) > 2 * len(self._expires) + 1_000:  # items described again and again
                self._expiring = sorted((at, name) for name, at in self._expires.items())

    def seen(self, event_time: float, written: float) -> None:
        """Take in when something happened, and when Kafka took it."""
        if event_time >= self.newest:
            self.newest = event_time
            self._behind = written - event_time if written - event_time > REPLAY_S else 0.0

    def event_time(self, clock: float) -> float:
        """Event time at a time of the clock, unix seconds."""
        return clock - self._behind

    def expire(self, clock: float) -> list[str]:
        """Withhold what has expired by the time of `clock`, unix seconds; returns these items."""
        found = []
        while self._expiring and self._expiring[0][0] <= self.event_time(clock):
            at, item_id = heappop(self._expiring)
            if self._expires.get(item_id) == at:
                del self._expires[item_id]
                self._withheld.setdefault(item_id, False)
                found.append(item_id)
        return found

    def has(self, item_id: str) -> bool:
        """Whether an item must not be shown, as of the last call of `expire`."""
        return item_id in self._withheld

    def removed(self, item_id: str) -> bool:
        """Whether the last record of an item was its end."""
        return self._withheld.get(item_id, False)
