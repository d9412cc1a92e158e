"""What workers made of the records that this process sent: learned, dropped as duplicates, dead, or still waiting.

`headwater.log` says of every accepted batch how far its shard's topics were read, and holds a step for each event that
was learned; `events.dead` holds what could not be read. An event that was read and is in neither came before. So the
counts are exact, whoever else sends at the same time, and they need no worker's HTTP port.
"""

import asyncio
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from aiokafka.errors import KafkaError as AsyncKafkaError
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from stream.config import Kafka
from stream.errors import HeadwaterError
from stream.kafka.connections import Connections, Reader
from stream.kafka.security import kafka_options
from stream.records.acceptance import Acceptance, ShardState
from stream.records.log import Batch, Claim, ForeignLogError, Message, Step, decode_message
from stream.records.schemas import DeadLetter
from stream.records.topics import DEAD, EVENT_TOPICS, ITEMS, LOG, USER_TOPICS, ShardId, Topic, prefixed

START_S = 15.0  # to connect and find the ends of two topics
LOOK_S = 0.05
Partition = tuple[str, int]  # name of a topic (with its namespace), partition
_DEAD = msgspec.json.Decoder(DeadLetter)


class TakenIn(NamedTuple):
    """What became of the records sent.

    >>> print(TakenIn(sent=40, learned=0, duplicates=40))
    learned none of 40 events; 40 were duplicates, learned before
    >>> print(TakenIn(sent=40, learned=37, dead={"bad_id": 2, "empty": 1}))
    learned 37 of 40 events; 3 became dead letters (bad_id 2, empty 1): see `headwater dead list`
    """

    sent: int  # events
    learned: int
    duplicates: int = 0
    dead: Mapping[str, int] = {}  # by reason; of items too
    waiting: int = 0  # events and items that no worker has read yet

    def __str__(self) -> str:
        parts = [f"learned {f'{self.learned:,}' if self.learned else 'none'} of {self.sent:,} events"]
        if self.duplicates:
            parts.append(f"{self.duplicates:,} were duplicates, learned before")
        if self.dead:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(self.dead.items()))
            parts.append(f"{sum(self.dead.values()):,} became dead letters ({reasons}): see `headwater dead list`")
        if self.waiting:
            parts.append(f"{self.waiting:,} are not taken in yet")
        return "; ".join(parts)


class Follower:
    """Reads the log and the dead letters from now on, in a thread: what is old may be deleted while a file is sent."""

    def __init__(self, config: Kafka) -> None:
        self.config = config
        self.failure = ""  # why nothing is known
        self._learned: defaultdict[tuple[int, int], set[int]] = defaultdict(
            set
        )  # (topic's index, partition) -> offsets
        self._next: dict[tuple[str, str], int] = {}  # (shard, topic without namespace) -> position
        self._dead: defaultdict[Partition, dict[int, str]] = defaultdict(dict)  # offset -> reason
        self._dead_read = 0  # offset after the last letter read
        self._rules = Acceptance()
        self._lock, self._ready, self._stopping = threading.Lock(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_S):
            self.failure = f"headwater.log and events.dead did not answer within {START_S:g} s"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(START_S)

    def take(self, message: Message, offset: int) -> None:
        """Take in one message of the log, by the rules of acceptance.

        The log is read from its middle, so the claim of the first batch of a shard was not seen: its owner is taken for
        the shard's, until a claim or a batch of a newer one is seen.
        """
        if not isinstance(message, Claim | Batch):
            return
        if isinstance(message, Batch):
            known = self._rules.shards.get(message.shard)
            if known is None or known.epoch < message.epoch:
                self._rules.shards[message.shard] = ShardState(message.epoch, message.seq, {}, 0.0)
        if self._rules.judge(message, offset) != "accepted" or not isinstance(message, Batch):
            return
        partition = ShardId.parse(message.shard).partition
        with self._lock:
            for topic, position in message.next.items():
                self._next[message.shard, topic] = position
            for record in message.records:
                if isinstance(record, Step) and record.event is not None:
                    self._learned[record.event.topic, partition].add(record.event.offset)

    def bury(self, letter: DeadLetter, offset: int) -> None:
        """Take in one dead letter."""
        with self._lock:
            self._dead[letter.topic, letter.partition][letter.offset] = letter.reason
            self._dead_read = offset + 1

    def count(self, sent: Mapping[Partition, Sequence[int]]) -> TakenIn:
        """What became of the records at these offsets so far."""
        topics = {prefixed(self.config.namespace, topic): topic for topic in (*EVENT_TOPICS.values(), ITEMS)}
        events = learned = read = waiting = 0
        reasons = Counter[str]()
        with self._lock:
            for (name, partition), offsets in sent.items():
                topic: Topic = topics[name]
                position = self._next.get((str(ShardId.of(topic, partition)), topic.name), 0)
                buried = self._dead.get((name, partition), {})
                taken = [offset for offset in offsets if offset < position]
                dead = Counter(buried[offset] for offset in taken if offset in buried)
                waiting += len(offsets) - len(taken)
                reasons += dead
                if topic is not ITEMS:
                    events += len(offsets)
                    read += len(taken) - dead.total()
                    have = self._learned.get((USER_TOPICS.index(topic), partition), set())
                    learned += sum(offset in have for offset in taken)
        return TakenIn(events, learned, read - learned, reasons, waiting)

    def wait(self, sent: Mapping[Partition, Sequence[int]], within_s: float) -> TakenIn:
        """The same, as soon as everything is taken in, or after so many seconds; sooner if no worker runs."""
        deadline, total = time.monotonic() + within_s, sum(len(offsets) for offsets in sent.values())
        nap = LOOK_S
        while True:
            found = self.count(sent)
            if not found.waiting:
                return self._settled(sent, found)
            if self.failure or time.monotonic() > deadline or (found.waiting == total and not self.workers()):
                return found
            time.sleep(min(nap, max(0.0, deadline - time.monotonic()) + 0.01))
            nap = min(1.0, 1.5 * nap)

    def _settled(self, sent: Mapping[Partition, Sequence[int]], found: TakenIn) -> TakenIn:
        """The final counts: a dead letter that was not read yet would look like a duplicate."""
        if not found.duplicates:
            return found
        tp = TopicPartition(prefixed(self.config.namespace, DEAD), 0)
        with closing(KafkaConsumer(**kafka_options(self.config))) as consumer:
            end = consumer.end_offsets([tp])[tp]
        deadline = time.monotonic() + START_S
        while self._dead_read < end and not self.failure and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        return self.count(sent)

    def workers(self) -> bool:
        """Whether a worker runs, as far as Kafka tells."""
        group = f"{self.config.namespace}.{self.config.group}" if self.config.namespace else self.config.group
        try:
            with closing(KafkaAdminClient(**kafka_options(self.config))) as admin:
                return bool(admin.describe_groups([group])[group]["members"])
        except (KafkaError, KeyError):
            return True  # not told: it is waited for

    def _run(self) -> None:
        try:
            asyncio.run(self._follow())
        except (KafkaError, AsyncKafkaError, HeadwaterError, ForeignLogError, OSError) as error:
            self.failure = f"headwater.log and events.dead could not be read: {error}"
        finally:
            self._ready.set()

    async def _follow(self) -> None:
        connections, started = Connections(self.config), list[Reader]()
        try:
            for topic in (LOG, DEAD):
                reader = connections.reader(topic)
                _, end = await reader.start()
                await reader.stop()
                await reader.start(end)
                started.append(reader)
            self._dead_read = end
            self._ready.set()
            log, dead = started
            while not self._stopping.is_set():
                found, letters = await asyncio.gather(log.read(), dead.read())
                for offset, data in letters:
                    self.bury(_DEAD.decode(data), offset)
                for offset, data in found:
                    self.take(decode_message(data, offset, sealed=True), offset)
        finally:
            for reader in started:
                await reader.stop()
