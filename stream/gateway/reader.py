"""Follows the topics into `ReadModel`: catalogue and slates from the beginning, events and outcomes the recent ones."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream.config import Config
from stream.gateway.documents import item_document, slate_document
from stream.gateway.feed import Feed
from stream.gateway.read_model import ReadModel
from stream.kafka.aiokafka_changes import plan_quickly
from stream.kafka.fetch_sessions import keep_sessions
from stream.kafka.security import aiokafka_options
from stream.kafka.unreadable import Unreadable, keep_unreadable
from stream.records.codec import Rejection, decode_event, decode_item, decode_profile
from stream.records.schemas import EventType, Outcome
from stream.records.topics import EVENT_TOPICS, ITEMS, OUTCOMES, PLACED, RECOMMENDATIONS, USERS, prefixed
from stream.serving.ending import stop_within

POLL_MS = 200
MAX_RECORDS = 500  # of one poll
PAUSE_S = 0.01  # between two polls when little comes: a poll costs gateway and broker as much as some fifty records
FEW = 50  # records of a poll
TURN_S = 0.002  # of reading, then requests are served
RETRY_S = 1.0
TOPICS_S = 5.0  # between two looks at the number of partitions
STOP_S = 5.0  # to disconnect
RUNBOOK = 'and users change their partition; see deploy/README.md, "Partitions were added to a topic"'
READ = (*EVENT_TOPICS.values(), ITEMS, USERS, RECOMMENDATIONS, PLACED, OUTCOMES)
_OUTCOME = msgspec.json.Decoder(Outcome)

log = logging.getLogger(__name__)


class Reader:
    """One consumer without a group, so every gateway reads every partition.

    Parameters
    ----------
    partitions : number of partitions of each topic, by full name
    unreadable : called with a topic, without the namespace, and how many of its offsets cannot be read
    """

    def __init__(
        self, config: Config, partitions: dict[str, int], read_model: ReadModel, feed: Feed,
        unreadable: Callable[[str, int], None],
    ) -> None:  # fmt: skip
        self.config, self.read_model, self.feed, self._unreadable = config, read_model, feed, unreadable
        self.ready = asyncio.Event()
        self.progress = 0.0  # share of what was there at the start, in [0, 1]
        self.problem = ""  # why it does not see all users
        self._partitions = partitions
        self._take: dict[str, Callable[[Any], None]] = {
            prefixed(config.kafka.namespace, ITEMS): self._item,
            prefixed(config.kafka.namespace, USERS): self._user,
            prefixed(config.kafka.namespace, RECOMMENDATIONS): self._slate,
            prefixed(config.kafka.namespace, PLACED): self._placed,
            prefixed(config.kafka.namespace, OUTCOMES): self._outcome,
        }
        self._names = {prefixed(config.kafka.namespace, topic): topic.name for topic in READ}
        self._kinds = {prefixed(config.kafka.namespace, topic): kind for kind, topic in EVENT_TOPICS.items()}
        self._task: asyncio.Task[None] | None = None

    @property
    def stopped(self) -> bool:
        """Whether it has begun to read and reads no more."""
        return self._task is not None and self._task.done()

    async def start(self) -> None:
        """Begin to read, in the background."""
        self._consumer = AIOKafkaConsumer(
            **aiokafka_options(self.config.kafka), group_id=None, enable_auto_commit=False,
            auto_offset_reset="earliest", fetch_max_wait_ms=POLL_MS, isolation_level="read_committed",
            value_deserializer=keep_unreadable, metadata_max_age_ms=int(1000 * TOPICS_S),
        )  # fmt: skip
        plan_quickly()
        keep_sessions(self._consumer)
        await self._consumer.start()
        self._task = asyncio.create_task(self._run(), name="gateway reader")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await stop_within(self._consumer.stop(), STOP_S)

    async def _run(self) -> None:
        left = await self._begin()
        total = max(1, sum(left.values()))
        while True:
            self._look()
            try:
                polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
            except KafkaError as error:
                log.warning("reading: %r; trying again", error)
                await asyncio.sleep(RETRY_S)
                continue
            begun = time.perf_counter()
            for tp, records in polled.items():
                for record in records:
                    self._read(tp.topic, record)
                    if time.perf_counter() - begun > TURN_S:
                        await asyncio.sleep(0)
                        begun = time.perf_counter()
            if not self.ready.is_set():
                for tp in [tp for tp in left if tp not in polled or polled[tp][-1].offset + 1 >= left[tp]]:
                    if await self._consumer.position(tp) >= left[tp]:  # the last offsets may hold no record to read
                        del left[tp]
                self.progress = 1.0 - min(1.0, sum(left.values()) / total)
                if not left:
                    self.ready.set()
            await asyncio.sleep(PAUSE_S if self.ready.is_set() and sum(map(len, polled.values())) < FEW else 0)

    def _look(self) -> None:
        """Notice, and say once, that a topic has other partitions than at the start: those are not read."""
        changed = [
            f"{name} has {len(now)} instead of {self._partitions[name]}"
            for name in self._names
            if (now := self._consumer.partitions_for_topic(name)) and len(now) != self._partitions[name]
        ]
        found = f"partitions were changed: {', '.join(changed)}; those are not read, {RUNBOOK}" if changed else ""
        if found and found != self.problem:
            log.error("%s", found)
        self.problem = found

    async def _begin(self) -> dict[TopicPartition, int]:
        """Seek to where reading begins; return the end offsets that must be reached before the gateway is ready."""
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
        """Take in one record; what cannot be read is counted and logged, and stops nothing."""
        name = self._names[topic]
        if isinstance(record.value, Unreadable):
            self._unreadable(name, record.value.last + 1 - record.value.first)
            log.error("%s/%d: %s; stepped over", topic, record.partition, record.value)
            return
        try:
            if topic in self._kinds:
                self._event(self._kinds[topic], record)
            else:
                self._take[topic](record)
        except Exception as error:  # whatever a record says, the next one is read
            self._unreadable(name, 1)
            log.warning("%s/%d offset %d: cannot be read: %r", topic, record.partition, record.offset, error)

    def _item(self, record: Any) -> None:
        item = decode_item(record.key, record.value) if record.value else None
        if not isinstance(item, Rejection):
            self.read_model.item((record.key or b"").decode() if item is None else item.item_id, item)

    def _user(self, record: Any) -> None:
        if not record.value:
            self.read_model.forget((record.key or b"").decode())
        elif not isinstance(profile := decode_profile(record.key, record.value), Rejection):
            self.read_model.profile(profile.user_id, record.value)

    def _event(self, kind: EventType, record: Any) -> None:
        event = decode_event(kind, record.key, record.value, time.time())
        if isinstance(event, Rejection):
            return
        self.read_model.event(kind, event, record.timestamp / 1000)
        if self.ready.is_set() and self.feed.wanted("event", event.user_id):
            self.feed.publish("event", lambda view: {
                "user_id": event.user_id, "type": kind, **item_document(event.item_id, self.read_model, view.fields)
            }, event.user_id)  # fmt: skip

    def _slate(self, record: Any) -> None:
        user_id = (record.key or b"").decode()
        slate = self.read_model.slate(user_id, record.value, record.timestamp / 1000)
        if slate is not None and self.ready.is_set() and self.feed.wanted("slate", user_id):
            self.feed.publish("slate", lambda view: slate_document(slate, self.read_model, view), user_id)

    def _placed(self, record: Any) -> None:
        slate = self.read_model.placed_slate((record.key or b"").decode(), record.value, record.timestamp / 1000)
        if slate is not None and self.ready.is_set() and self.feed.wanted("slate", slate.user_id):
            self.feed.publish("slate", lambda view: slate_document(slate, self.read_model, view), slate.user_id)

    def _outcome(self, record: Any) -> None:
        if not record.value:  # nobody sends tombstones here; one means nothing
            return
        outcome = _OUTCOME.decode(record.value)
        self.read_model.outcome(outcome, record.timestamp / 1000)
        if self.ready.is_set() and self.feed.wanted("outcome", outcome.user_id):
            self.feed.publish("outcome", lambda view: {
                "user_id": outcome.user_id, "decision_id": outcome.decision_id, "outcome": outcome.outcome,
                "reward": outcome.reward,
                "hit": None if outcome.hit is None else item_document(
                    outcome.items[outcome.hit], self.read_model, view.fields, slot=outcome.hit,
                    source=outcome.sources[outcome.hit],
                ),
            }, outcome.user_id)  # fmt: skip
