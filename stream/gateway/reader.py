"""Follows the topics into `ReadModel`: catalogue and slates from their beginning, events and outcomes from a while ago."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream.config import Config
from stream.gateway.feed import Feed
from stream.gateway.read_model import ReadModel
from stream.kafka.security import aiokafka_options
from stream.records.codec import Rejection, decode_event, decode_item
from stream.records.schemas import EventType, Outcome, Recommendation
from stream.records.topics import EVENT_TOPICS, ITEMS, OUTCOMES, RECOMMENDATIONS, prefixed

POLL_MS = 200
RECORDS = 500  # at once: requests get their turn in between
RETRY_S = 1.0
PULLS = 3  # newest items of a user that reasons are made of
_OUTCOME = msgspec.json.Decoder(Outcome)

log = logging.getLogger(__name__)


class Reader:
    """One consumer without a group: it disturbs nobody, and every gateway reads everything.

    Parameters
    ----------
    partitions : of each topic, by full name
    """

    def __init__(self, config: Config, partitions: dict[str, int], read_model: ReadModel, feed: Feed) -> None:
        self.config, self.read_model, self.feed = config, read_model, feed
        self.ready = asyncio.Event()
        self.progress = 0.0  # of what was there at the start
        self._partitions = partitions
        self._take: dict[str, Callable[[Any], None]] = {
            prefixed(config.kafka.namespace, ITEMS): self._item,
            prefixed(config.kafka.namespace, RECOMMENDATIONS): self._slate,
            prefixed(config.kafka.namespace, OUTCOMES): self._outcome,
        }
        self._kinds = {prefixed(config.kafka.namespace, topic): kind for kind, topic in EVENT_TOPICS.items()}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to read, in the background."""
        self._consumer = AIOKafkaConsumer(
            **aiokafka_options(self.config.kafka), group_id=None, enable_auto_commit=False,
            auto_offset_reset="earliest", fetch_max_wait_ms=POLL_MS,
        )  # fmt: skip
        await self._consumer.start()
        self._task = asyncio.create_task(self._run(), name="gateway reader")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._consumer.stop()

    async def _run(self) -> None:
        left = await self._begin()
        total = max(1, sum(left.values()))
        while True:
            try:
                polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS)
            except KafkaError as error:
                log.warning("reading: %r; trying again", error)
                await asyncio.sleep(RETRY_S)
                continue
            for tp, records in polled.items():
                for record in records:
                    self._read(tp.topic, record)
                if tp in left and records[-1].offset + 1 >= left[tp]:
                    del left[tp]
            if not self.ready.is_set():
                self.progress = 1.0 - min(1.0, sum(left.values()) / total)
                if not left:
                    self.ready.set()
            await asyncio.sleep(0)

    async def _begin(self) -> dict[TopicPartition, int]:
        """Go to where reading begins; the ends of what is to be read until all is known."""
        whole = [name for name in self._take if not name.endswith(OUTCOMES.name)]
        late = [*self._kinds, *(name for name in self._take if name.endswith(OUTCOMES.name))]
        tps = [TopicPartition(name, n) for name in (*whole, *late) for n in range(self._partitions[name])]
        self._consumer.assign(tps)
        starts, ends = await self._consumer.beginning_offsets(tps), await self._consumer.end_offsets(tps)
        back = {name: max(1, self.config.gateway.recent_events // self._partitions[name]) for name in late}
        left = {}
        for tp in tps:
            start = starts[tp] if tp.topic in whole else max(starts[tp], ends[tp] - back[tp.topic])
            self._consumer.seek(tp, start)
            if start < ends[tp]:
                left[tp] = ends[tp]
        return left

    def _read(self, topic: str, record: Any) -> None:
        """What nobody can read is the workers' to report."""
        try:
            if topic in self._kinds:
                self._event(self._kinds[topic], record)
            else:
                self._take[topic](record)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("%s/%d offset %d: cannot be read: %s", topic, record.partition, record.offset, error)

    def _item(self, record: Any) -> None:
        item = decode_item(record.key, record.value) if record.value else None
        if not isinstance(item, Rejection):
            self.read_model.item((record.key or b"").decode() if item is None else item.item_id, item)

    def _event(self, kind: EventType, record: Any) -> None:
        event = decode_event(kind, record.key, record.value, time.time())
        if isinstance(event, Rejection):
            return
        self.read_model.event(kind, event, record.timestamp / 1000)
        if self.ready.is_set() and self.feed.wanted("event", event.user_id):
            title = self.read_model.title(event.item_id)
            said = {"user_id": event.user_id, "type": kind, "item_id": event.item_id, "title": title}
            self.feed.publish("event", said, event.user_id)

    def _slate(self, record: Any) -> None:
        user_id = (record.key or b"").decode()
        slate = self.read_model.slate(user_id, record.value, record.timestamp / 1000)
        if slate is not None and self.ready.is_set() and self.feed.wanted("slate", user_id):
            self.feed.publish("slate", told(slate, self.read_model), user_id)

    def _outcome(self, record: Any) -> None:
        outcome = _OUTCOME.decode(record.value)
        self.read_model.outcome(outcome, record.timestamp / 1000)
        if self.ready.is_set() and self.feed.wanted("outcome", outcome.user_id):
            hit = None if outcome.hit is None else {
                "slot": outcome.hit, "item_id": outcome.items[outcome.hit], "source": outcome.sources[outcome.hit],
                "title": self.read_model.title(outcome.items[outcome.hit]),
            }  # fmt: skip
            said = {
                "user_id": outcome.user_id, "decision_id": outcome.decision_id, "outcome": outcome.outcome,
                "reward": outcome.reward, "hit": hit,
            }  # fmt: skip
            self.feed.publish("outcome", said, outcome.user_id)


def told(
    slate: Recommendation, read_model: ReadModel, k: int | None = None, exclude: frozenset[str] = frozenset()
) -> Any:
    """A slate with titles and reasons, as it is answered and told."""
    history = [item for item, _ in read_model.history(slate.user_id)]
    slots = [slot for slot in slate.slots if slot.item_id not in exclude][:k]
    pulls = read_model.pulled_by([slot.item_id for slot in slots], history[:PULLS])
    return {
        "user_id": slate.user_id, "decision_id": slate.decision_id, "event_id": slate.event_id,
        "timestamp": slate.timestamp, "policy": slate.policy, "experiment": slate.experiment,
        "variant": slate.variant, "fallback": None,
        "items": [
            {
                "item_id": slot.item_id, "title": read_model.title(slot.item_id), "score": slot.score, "source": slot.source,
                "propensity": slot.propensity,
                "reason": reason(slot.source, slot.item_id, history, None if pull is None else read_model.title(pull)),
            }
            for slot, pull in zip(slots, pulls, strict=True)
        ],
    }  # fmt: skip


WORDS = {
    "popularity": "many like it", "popularity_fast": "many look at it right now", "trending": "it is on the rise",
    "new_items": "it is new", "repeats": "you have looked at it before", "buy_again": "it may be time for it again",
    "pinned": "put here by a rule", "user_neighbours": "people with your taste like it",
    "session_neighbours": "visits like yours went on with it", "categories": "it is of a kind that you like",
    "content": "it is much like what you looked at",
}  # fmt: skip


def reason(source: str, item_id: str, history: list[str], goes_with: str | None) -> str:
    """Why an item is there, in words: the source, and what of the history goes best with it."""
    words = WORDS.get(source)
    if words is not None and source not in ("session_neighbours", "content"):
        return words
    if goes_with is not None:
        return f"goes with {goes_with}"
    if item_id in history:
        return WORDS["repeats"]
    return words or ("goes with what you looked at last" if history else "a good guess for anybody")
