"""What a gateway keeps of the topics: slates, items, trending ones, and figures of the last minutes.

`reader` fills it, `api` queries it; it knows neither Kafka nor HTTP.
"""

from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np
from cachetools import FIFOCache, LRUCache

from learners import ELIGIBLE, INELIGIBLE, Interaction, Query, Trending, Vocabulary
from stream.gateway.memory.answered import Answered
from stream.gateway.memory.bounded import Bounded, item_bytes
from stream.gateway.memory.ordered import OrderedIds
from stream.gateway.memory.placed import PlacedSlates
from stream.gateway.memory.titles import Titles
from stream.gateway.reasons.why import Reason
from stream.records.schemas import HOME, KINDS, UNLEARNED, Event, EventType, Item, Outcome, Recommendation
from stream.records.withheld import Withheld

RECENT = 10  # last items of a user
MAX_USERS = 50_000  # whose recent items are kept
MAX_EXPLAINED = 10_000  # slates whose explanation has been asked for
MAX_EVENTS = 20_000  # whose write times are kept until their slates arrive
MAX_ITEMS = 2_000_000  # whose events are counted
WINDOW_S = 300  # of the curves
RANKS = 5  # columns of the table of hits: ranks 1, 2, 3-4, 5-8, 9 and more
MAX_BYTES = 4.0e9  # of slates and items together, half for each
MAX_ROWS = 10_000  # of the tables of sources and states
NOTHING = np.empty(0, np.int32)
ANYBODY = Query(NOTHING, 0.0, NOTHING)

_SLATE = msgspec.json.Decoder(Recommendation)


class Second(NamedTuple):
    """What happened in one second."""

    at: int  # unix seconds
    events: int
    slates: int
    answered: int
    hits: int
    reward: float


def warm_up() -> None:
    """Load or compile what a read model asks for, with one that is thrown away: before the gateway says it is ready."""
    tried, event = ReadModel(), Event(event_id="e", user_id="u", item_id="a", timestamp=1.0)
    for item_id in "abab":
        tried.item(item_id, Item(item_id=item_id))
        tried.event("click", msgspec.structs.replace(event, item_id=item_id), 1.0)
    tried.trending(2)


class ReadModel:
    """All that a gateway knows: about 2 KB a user with a slate, 1 KB an item.

    Parameters
    ----------
    afresh : whether an id that comes back after its end is another product
    max_bytes : of slates and items; beyond, those that were asked for longest ago are dropped
    """

    def __init__(self, max_bytes: float = MAX_BYTES, *, afresh: bool = True) -> None:
        self._afresh = afresh
        self.slates = Bounded[bytes](max_bytes / 2, len, self._drop_user)  # newest record of each user, as it came
        self.epochs: dict[str, int] = {}
        self.placed = PlacedSlates(max_bytes / 4)
        self.items = Bounded[Item](max_bytes / 2, item_bytes, self._drop_item)
        self.titles, self.withheld = Titles(), Withheld()
        self.attributes = Bounded[bytes](max_bytes / 8, len, self._unlist_user)  # of users: records, as they came
        self.item_ids, self.user_ids = OrderedIds(), OrderedIds()  # that are kept; of users with a slate or attributes
        self.answered = Answered(MAX_EVENTS, MAX_USERS)
        self.stores = self.slates, self.placed.slates, self.items  # that make room
        self.reasons: LRUCache[str, dict[str, Reason]] = LRUCache(MAX_EXPLAINED)  # decision -> item
        self.recent: LRUCache[str, deque[tuple[str, EventType]]] = LRUCache(MAX_USERS)
        self.written: FIFOCache[str, float] = FIFOCache(MAX_EVENTS)  # event -> when it was written, unix seconds
        self.latencies: deque[float] = deque(maxlen=500)  # seconds from event to slate, of the newest
        self.seconds: deque[Second] = deque(maxlen=WINDOW_S)
        self.slots: Counter[str] = Counter()  # by source, of the slates since the start
        self.hits: dict[str, list[int]] = {}  # source -> hits by rank
        self.worth: dict[tuple[int, str], list[float]] = {}  # (state, source) -> slots shown, reward
        self._vocabulary = Vocabulary()
        self._trending = Trending()
        self._available = np.empty(0, np.uint8)
        self._offered: dict[str, None] = {}  # available items of the catalogue

    def item(self, item_id: str, item: Item | None) -> None:
        """Take in a record of the catalogue; None: the item was removed."""
        if item is None:
            self.items.pop(item_id, None)
            self._drop_item(item_id)
        else:
            self.items[item_id] = item
            self.item_ids.add(item_id)
            self.titles.put(item_id, item.title or item_id)
            if item.available:
                self._offered.setdefault(item_id)
            else:
                self._offered.pop(item_id, None)
        if item is not None and self._afresh and self.withheld.removed(item_id):
            self._renew(item_id)
        self.withheld.item(item_id, item)
        self._note_availability(item_id, available=not self.withheld.has(item_id))

    def event(self, kind: EventType, event: Event, written: float) -> None:
        """Take in an event."""
        self.withheld.seen(event.timestamp, written)
        index = self._intern(event.item_id)
        recent = self.recent.setdefault(event.user_id, deque(maxlen=RECENT))
        if index >= 0:
            self._trending.learn_one(Interaction(index, KINDS.index(kind), event.timestamp, NOTHING, NOTHING))
        recent.append((event.item_id, kind))
        self.written[event.event_id] = written
        self.answered.event(event, written)
        self._count(written, events=1)

    def slate(self, user_id: str, record: bytes | None, written: float) -> Recommendation | None:
        """Take in a record of `recommendations`; None for a tombstone and for a slate of a fenced owner."""
        if record is None:
            self.forget(user_id)
            return None
        slate = _SLATE.decode(record)
        if slate.epoch < self.epochs.get(user_id, -1):
            return None
        self.slates[user_id], self.epochs[user_id] = record, slate.epoch
        self.user_ids.add(user_id)
        self.answered.slate(slate)
        self.withheld.seen(slate.timestamp, written)
        begun = self.written.pop(slate.event_id or "", None)
        if begun is not None:
            self.latencies.append(max(0.0, written - begun))
        if len(self.slots) < MAX_ROWS:
            self.slots.update(slot.source for slot in slate.slots)
        self._count(written, slates=1)
        return slate

    def placed_slate(self, key: str, record: bytes | None, written: float) -> Recommendation | None:
        """The same of `recommendations.placements`."""
        slate = self.placed.take(key, record)
        if slate is not None:
            self._count(written, slates=1)
        return slate

    def profile(self, user_id: str, record: bytes) -> None:
        """Take in the attributes of a user."""
        self.attributes[user_id] = record
        self.user_ids.add(user_id)

    def outcome(self, outcome: Outcome, written: float) -> None:
        """Take in a settled decision."""
        if outcome.outcome in UNLEARNED:
            return
        for rank, source in enumerate(outcome.sources):
            if len(self.worth) >= MAX_ROWS and (outcome.state, source) not in self.worth:
                continue
            worth = self.worth.setdefault((outcome.state, source), [0.0, 0.0])
            worth[0] += 1.0
            worth[1] += outcome.reward if rank == outcome.hit else 0.0
        if outcome.hit is not None and len(self.hits) < MAX_ROWS:
            row = self.hits.setdefault(outcome.sources[outcome.hit], [0] * RANKS)
            row[min(RANKS - 1, outcome.hit.bit_length())] += 1
        answered = int(outcome.outcome in ("hit", "miss"))
        self._count(written, answered=answered, hits=int(outcome.hit is not None), reward=outcome.reward)

    def expire(self, clock: float) -> None:
        """Withhold the items that have expired by now; called before an answer is made."""
        for item_id in self.withheld.expire(clock):
            self._offered.pop(item_id, None)
            self._note_availability(item_id, available=False)

    def explained(self, decision_id: str, reasons: dict[str, Reason]) -> None:
        """Keep the reasons that a worker's explanation gives, so that slates say the same."""
        self.reasons[decision_id] = reasons

    def forget(self, user_id: str) -> None:
        """Delete everything about a user."""
        for kept in (self.slates, self.epochs, self.recent, self.attributes):
            kept.pop(user_id, None)
        self.placed.forget(user_id)
        self.user_ids.discard(user_id)
        self.answered.forget(user_id)

    def newest(self, user_id: str, placement: str = HOME) -> Recommendation | None:
        """The user's newest slate of a placement."""
        if placement != HOME:
            return self.placed.newest(user_id, placement)
        record = self.slates.get(user_id)
        return None if record is None else _SLATE.decode(record)

    def title(self, item_id: str) -> str:
        """Title of an item, its id if it has none."""
        item = self.items.get(item_id)
        return item.title or item_id if item is not None else item_id

    def history(self, user_id: str) -> list[tuple[str, EventType]]:
        """The user's last items with the type of event, newest first, each once."""
        return list({item: (item, kind) for item, kind in reversed(self.recent.get(user_id, ()))}.values())

    def trending(self, k: int, exclude: Iterable[str] = ()) -> list[tuple[str, float]]:
        """Trending items, best first, filled up with available items of the catalogue at score 0."""
        left_out = set(exclude)
        found = self._names(self._trending.top_k(ANYBODY, k + len(left_out), self._blocked()), left_out)[:k]
        taken = left_out.union(item for item, _ in found)
        others = (item_id for item_id in self._offered if item_id not in taken)  # stops after at most k + len(taken)
        return found + [(item_id, 0.0) for item_id in islice(others, k - len(found))]

    def knows(self, item_id: str) -> bool:
        """Whether the catalogue or an event has named the item."""
        return item_id in self.items or self._vocabulary.index(item_id) >= 0

    def latency(self, share: float) -> float | None:
        """Quantile of the seconds from event to slate, over the newest ones."""
        return float(np.quantile(list(self.latencies), share)) if self.latencies else None

    def _drop_user(self, user_id: str) -> None:
        self.epochs.pop(user_id, None)
        self._unlist_user(user_id)

    def _unlist_user(self, user_id: str) -> None:
        if user_id not in self.slates and user_id not in self.attributes:
            self.user_ids.discard(user_id)

    def _drop_item(self, item_id: str) -> None:
        self._offered.pop(item_id, None)
        self.titles.drop(item_id)
        self.item_ids.discard(item_id)

    def _count(self, written: float, **found: Any) -> None:
        at = int(written)
        if not self.seconds or self.seconds[-1].at < at:
            self.seconds.append(Second(at, 0, 0, 0, 0, 0.0))
        last = self.seconds[-1]
        self.seconds[-1] = last._replace(**{key: getattr(last, key) + value for key, value in found.items()})

    def _intern(self, item_id: str) -> int:
        index = self._vocabulary.index(item_id)
        if index < 0 and len(self._vocabulary) < MAX_ITEMS:
            index = self._vocabulary.intern(item_id)
            self._make_room(index)
        return index

    def _make_room(self, index: int) -> None:
        self._trending.add_item(index)
        if index >= len(self._available):
            grown = np.full(max(1024, 2 * index), ELIGIBLE, np.uint8)
            grown[: len(self._available)] = self._available
            self._available = grown

    def _renew(self, item_id: str) -> None:
        """An id that comes back after its end is another product: it gets a new number, without the old neighbours."""
        if self._vocabulary.index(item_id) >= 0 and self._vocabulary.renewed < MAX_ITEMS // 4:
            self._make_room(self._vocabulary.renew(item_id, 0.0))

    def _note_availability(self, item_id: str, *, available: bool) -> None:
        index = self._intern(item_id)
        if index >= 0:
            self._available[index] = ELIGIBLE if available else INELIGIBLE

    def _blocked(self) -> Any:
        return self._available[: len(self._vocabulary)]

    def _names(self, found: tuple[Any, Any], left_out: set[str]) -> list[tuple[str, float]]:
        ids = self._vocabulary.ids
        named = [(ids[index], float(score)) for index, score in zip(*(part.tolist() for part in found), strict=True)]
        return [(item, score) for item, score in named if item not in left_out]
