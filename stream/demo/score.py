"""What the demo measures: latency of slates, hits of published slates, and the newest slate of each user."""

from collections import Counter, deque
from collections.abc import Collection
from typing import NamedTuple

from stream.client.slates import Refresh, Slates
from stream.records.schemas import Event, EventType

DEPTH = 20  # length of the lists that are compared
POPULAR_EVERY = 100  # events between two sorts of the popular items
RECENT = 2000  # latencies in the screen's percentiles
WINDOW = 500  # live events for one point of the learning curve


class Sent(NamedTuple):
    """An event that was sent."""

    kind: EventType
    item_id: str
    at: float  # unix seconds
    place: int  # of the item on the user's slate, from 0; -1: not on it, -2: the user had no slate
    live: bool


class Moment(NamedTuple):
    """An event and the slate that it caused."""

    sent: Sent
    refresh: Refresh


class Score:
    """Test, then count: an event is looked up in the lists made before it. Only live events are measured."""

    def __init__(self) -> None:
        self.live = False
        self.events = self.steps = self.hits = self.popular_hits = self.slates = 0
        self.curve: list[float] = []  # hit rates of the past windows
        self.latencies: list[float] = []  # seconds, from an event's Kafka timestamp to that of its slate
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.moments: dict[str, Moment] = {}  # the newest of each user
        self.ratings: Counter[str] = Counter()  # events of each user
        self._sent: dict[str, Sent] = {}
        self._counts: Counter[str] = Counter()
        self._counted = self._hits_before = 0
        self._popular: frozenset[str] = frozenset()

    def sent(self, kind: EventType, event: Event, slates: Slates, at: float) -> None:
        """Count an event that is sent now."""
        place = _place(event, slates)
        if self.live:
            self.events += 1
            if place > -2:
                self.steps += 1
                self.hits += place >= 0
                self.popular_hits += event.item_id in self._popular
                if self.steps % WINDOW == 0:
                    self.curve.append((self.hits - self._hits_before) / WINDOW)
                    self._hits_before = self.hits
        self._sent[event.event_id] = Sent(kind, event.item_id, at, place, self.live)
        self.ratings[event.user_id] += 1
        self._counts[event.item_id] += 1
        self._counted += 1
        if self._counted % POPULAR_EVERY == 0:
            self._popular = frozenset(item for item, _ in self._counts.most_common(DEPTH))

    def arrived(self, refresh: Refresh) -> None:
        """Count a slate that came back."""
        sent = self._sent.pop(refresh.slate.event_id or "", None)
        if sent is None:
            return
        if sent.live:
            self.slates += 1
            self.latencies.append(refresh.written_at - sent.at)
            self.recent.append(refresh.written_at - sent.at)
        self.moments[refresh.slate.user_id] = Moment(sent, refresh)

    @property
    def hit_rate(self) -> float:
        """Share of the live events whose item was on the slate that the user had."""
        return self.hits / max(1, self.steps)

    @property
    def popular_hit_rate(self) -> float:
        """The same for the twenty items most popular so far."""
        return self.popular_hits / max(1, self.steps)


def percentile(values: Collection[float], share: float) -> float:
    """Return the value that this share of the values does not exceed; nan without values.

    >>> percentile([0.03, 0.01, 0.02, 0.04], 0.5), percentile([1.0], 0.99)
    (0.02, 1.0)
    """
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)] if ordered else float("nan")


def _place(event: Event, slates: Slates) -> int:
    known = slates.newest.get(event.user_id)
    if known is None:
        return -2
    items = [slot.item_id for slot in known.slate.slots[:DEPTH]]
    return items.index(event.item_id) if event.item_id in items else -1
