"""Snapshots, taken while everything goes on; the log, cut behind them; fingerprints, compared.

A snapshot of the users of a source, or of the model, as of log offset L:

a. copy as of one instant, after the batches 0..s-1 of the own claim (users: a few at a time, each before it changes)
b. wait until the fold has accepted batch s-1, at L-1, and the outcomes of what it accepted are acknowledged
c. write the chunks; wait until all are acknowledged
d. say so in headwater.log (`Stored`)
e. when the fold has accepted that, delete what stands before the first chunk
f. the keeper cuts the log before the oldest of the newest snapshots of all sources and of the model

A snapshot of the model needs no b: it is the fold itself. While nothing happens to a source, d alone moves L on.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from stream.config import Config
from stream.decisions.engine import Partition
from stream.kafka.connections import Connections
from stream.model.fold import ModelCopy
from stream.observe import Observer
from stream.records.log import LOG_VERSION, Batch, Mark, Message, Stored, Verdict
from stream.records.topics import KEEPER, LOG, MODEL_SNAPSHOTS, USER_SNAPSHOTS, Source, Topic
from stream.state.snapshot import UsersCopy, chunks
from stream.worker.fingerprints import Marks
from stream.worker.replica import Replica
from stream.worker.writer import Writer

SLICE = 50  # users copied between two turns of other tasks
BACK_S = 120.0  # an own batch that has not come back after so long never will
GONE = -1  # instead of a log offset: the source was let go of

log = logging.getLogger(__name__)


class Keeper:
    """What a worker does beside serving.

    Parameters
    ----------
    name : of the worker
    partitions : the sources owned, as they come and go
    """

    def __init__(
        self, config: Config, name: str, replica: Replica, writer: Writer, connections: Connections,
        partitions: Mapping[str, Partition], observer: Observer,
    ) -> None:  # fmt: skip
        self.config, self.replica, self.writer, self.connections = config, replica, writer, connections
        self.name, self.partitions, self.observer = name, partitions, observer
        self._marks = Marks(name)
        self._awaited: dict[str, tuple[int, asyncio.Future[int]]] = {}  # source -> batch, and the offset after it
        self._cut_at = 0  # the log was cut before this offset
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take a snapshot of everything owned, in turn, once in `snapshot_s`."""
        while True:
            sources = [source for source in sorted(self.partitions) if source.startswith("users/")]
            pause = self.config.worker.snapshot_s / (len(sources) + 1)
            for source in sources:
                await asyncio.sleep(pause)
                await self._safely(self.store_users(source))
            await asyncio.sleep(pause)
            await self._safely(self.store_model())

    async def store_users(self, source: str) -> None:
        """Store a snapshot of a source's users."""
        partition = self.partitions.get(source)
        if partition is None:
            return
        known, state = self.replica.acceptance.stored.get(source), self.replica.acceptance.sources[source]
        idle = known is not None and state.changed <= known.offset and partition.pending == 0
        # Of another claim than the own one, the state of the source in the snapshot would be out of date.
        if idle and known is not None and known.base == partition.base:
            await self._say(source, partition.base, "users", self.replica.heard_to, known.first, known.chunks)
            return
        copy = partition.start_copy()  # a
        try:
            after = self._accepted(partition, copy)
            while not copy.some(SLICE):
                await asyncio.sleep(0)
        finally:
            partition.copy = None
        offset = await asyncio.wait_for(after, BACK_S)  # b
        await self.writer.flush_soon()
        if offset == GONE or self.partitions.get(source) is not partition:
            return
        parts = copy.parts()
        first = await self._write(USER_SNAPSHOTS, source, partition.base, offset, parts)  # c
        await self._say(source, partition.base, "users", offset, first, len(parts))  # d

    async def store_model(self) -> None:
        """Store a snapshot of the model, if this worker is its keeper and there is news."""
        partition, known = self.partitions.get(KEEPER), self.replica.acceptance.stored.get("model")
        news = max((state.changed for state in self.replica.acceptance.sources.values()), default=0)
        if partition is None or (known is not None and news <= known.offset):
            return
        copy = self.replica.model.copy()  # a
        parts = await asyncio.to_thread(copy.encode)
        first = await self._write(MODEL_SNAPSHOTS, "model", partition.base, copy.offset, parts)  # c
        await self._say(KEEPER, partition.base, "model", copy.offset, first, len(parts))  # d

    def heard(self, message: Message, verdict: Verdict, offset: int) -> None:
        """A message of the log was folded."""
        if isinstance(message, Batch) and verdict == "accepted":
            awaited, future = self._awaited.get(message.source, (GONE, None))
            if future is not None and not future.done() and message.seq == awaited:
                future.set_result(offset + 1)
        elif isinstance(message, Stored) and verdict == "stored":
            partition = self.partitions.get(message.source)
            if partition is not None and partition.base == message.base:
                self._start(self._delete(message))
            if KEEPER in self.partitions:
                self._start(self._cut())
        elif isinstance(message, Mark):
            self._compare(message)
        if (offset + 1) % self.config.worker.fingerprint_every == 0:
            self._start(self._mark(self.replica.model.copy()))

    def let_go(self, source: str) -> None:
        """The source is not owned any more."""
        _, future = self._awaited.pop(source, (GONE, None))
        if future is not None and not future.done():
            future.set_result(GONE)

    def _accepted(self, partition: Partition, copy: UsersCopy) -> "asyncio.Future[int]":
        """The log offset at which the copy is what the fold has."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        state = self.replica.acceptance.sources[partition.source]
        if (state.base, state.seq) == (partition.base, copy.state.seq):
            future.set_result(self.replica.heard_to)
        else:
            self._awaited[partition.source] = copy.state.seq - 1, future
        return future

    async def _write(self, topic: Topic, subject: str, base: int, offset: int, parts: Sequence[bytes]) -> int:
        """Write chunks one after the other; the position of the first."""
        partition = 0 if subject == "model" else Source.parse(subject).partition
        positions = [
            await self.writer.send_chunk(topic, partition, chunk) for chunk in chunks(subject, base, offset, parts)
        ]
        self.observer.stored(subject, sum(map(len, parts)))
        return min(positions)

    async def _say(self, source: str, base: int, what: Any, offset: int, first: int, count: int) -> None:
        await self.writer.log(Stored(LOG_VERSION, source, base, what, offset, first, count))

    async def _delete(self, stored: Stored) -> None:  # e
        if stored.what == "users":
            partition = Source.parse(stored.source).partition
            await self.connections.delete_before(USER_SNAPSHOTS, partition, stored.first)
        else:
            await self.connections.delete_before(MODEL_SNAPSHOTS, 0, stored.first)

    async def _cut(self) -> None:  # f
        cut = self.replica.acceptance.cut
        if cut > self._cut_at:
            self._cut_at = cut
            await self.connections.delete_before(LOG, 0, cut)

    async def _mark(self, copy: ModelCopy) -> None:
        digest = await asyncio.to_thread(copy.fingerprint)
        self.observer.marked(copy.offset, digest)
        await self.writer.log(Mark(LOG_VERSION, "", self.name, KEEPER in self.partitions, copy.offset, digest))

    def _compare(self, mark: Mark) -> None:
        opinion = self._marks.add(mark)
        if opinion in ("in the majority", "wrong"):
            self.observer.disagreed()
            log.error("the models of workers differ at log offset %d; this worker's is %s", mark.offset, opinion)
        if opinion == "wrong":
            self.replica.rebuild()

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._safely(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _safely(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """A snapshot that fails is taken again the next time; until then the log is kept."""
        try:
            await coroutine
        except (KafkaError, TimeoutError) as error:
            log.warning("snapshot, or what follows it, failed: %r", error)
