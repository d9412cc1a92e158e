"""Snapshots, taken without a stop; the log, truncated up to them; fingerprints, compared.

A snapshot of the users of a shard, or of the model, as of log offset L:

a. copy as of one instant, after the batches 0..s-1 of the own claim (users: a few at a time, each before it changes)
b. wait until the fold has accepted batch s-1, at L-1, and the outcomes of what it accepted are acknowledged
c. write the chunks; wait until all are acknowledged
d. commit them in headwater.log (`SnapshotCommitted`)
e. when the fold has accepted that, delete everything before the first chunk
f. the owner of `SNAPSHOT_SHARD` truncates the log before the oldest of all shards' and the model's newest
   snapshots

A snapshot of the model needs no b: it is the fold itself. While nothing happens to a shard, d alone moves L on.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from stream.config import Config
from stream.decisions.shard import Shard
from stream.kafka.connections import Connections
from stream.model.copy import ModelCopy
from stream.observe import Observer
from stream.records.acceptance import Verdict
from stream.records.log import LOG_VERSION, Batch, FingerprintReport, Message, SnapshotCommitted
from stream.records.topics import LOG, MODEL_SNAPSHOTS, SNAPSHOT_SHARD, USER_SNAPSHOTS, ShardId, Topic
from stream.state.snapshot import UsersCopy, chunks
from stream.worker.fingerprints import FingerprintReports
from stream.worker.replica import Replica
from stream.worker.writer import Writer

SLICE = 50  # users copied between two turns of other tasks
ECHO_TIMEOUT_S = 120.0  # an own batch that has not come back after so long never will
GONE = -1  # instead of a log offset: the shard is no longer owned

log = logging.getLogger(__name__)


class Snapshotter:
    """Stores snapshots, truncates the log and compares fingerprints, while the worker serves.

    Parameters
    ----------
    name : of the worker
    shards : those owned, as they come and go
    """

    def __init__(
        self, config: Config, name: str, replica: Replica, writer: Writer, connections: Connections,
        shards: Mapping[str, Shard], observer: Observer,
    ) -> None:  # fmt: skip
        self.config, self.replica, self.writer, self.connections = config, replica, writer, connections
        self.name, self.shards, self.observer = name, shards, observer
        self._reports = FingerprintReports(name)
        self._awaited: dict[str, tuple[int, asyncio.Future[int]]] = {}  # shard -> batch, and the offset after it
        self._log_start = 0  # offset before which the log was truncated
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Take a snapshot of everything owned, in turn, once in `snapshot_s`."""
        while True:
            shard_ids = [shard_id for shard_id in sorted(self.shards) if shard_id.startswith("users/")]
            pause = self.config.worker.snapshot_s / (len(shard_ids) + 1)
            for shard_id in shard_ids:
                await asyncio.sleep(pause)
                await self._safely(self.store_users(shard_id))
            await asyncio.sleep(pause)
            await self._safely(self.store_model())

    async def store_users(self, shard_id: str) -> None:
        """Store a snapshot of a shard's users."""
        shard = self.shards.get(shard_id)
        if shard is None:
            return
        known, state = self.replica.acceptance.stored.get(shard_id), self.replica.acceptance.shards[shard_id]
        idle = known is not None and state.changed <= known.offset and shard.pending == 0
        # In a snapshot of another claim than the own one, the state of the shard would be out of date.
        if idle and known is not None and known.epoch == shard.epoch:
            await self._commit(shard_id, shard.epoch, "users", self.replica.delivered_to, known.first, known.chunks)
            return
        copy = shard.start_copy()  # a
        try:
            after = self._accepted(shard, copy)
            while not copy.some(SLICE):
                await asyncio.sleep(0)
        finally:
            shard.copy = None
        offset = await asyncio.wait_for(after, ECHO_TIMEOUT_S)  # b
        await self.writer.flush_soon()
        if offset == GONE or self.shards.get(shard_id) is not shard:
            return
        parts = copy.parts()
        first = await self._write(USER_SNAPSHOTS, shard_id, shard.epoch, offset, parts)  # c
        await self._commit(shard_id, shard.epoch, "users", offset, first, len(parts))  # d

    async def store_model(self) -> None:
        """Store a snapshot of the model, if this worker owns `SNAPSHOT_SHARD` and the log has new batches."""
        shard, known = self.shards.get(SNAPSHOT_SHARD), self.replica.acceptance.stored.get("model")
        changed = max((state.changed for state in self.replica.acceptance.shards.values()), default=0)
        if shard is None or (known is not None and changed <= known.offset):
            return
        copy = self.replica.model.copy()  # a
        parts = await asyncio.to_thread(copy.encode)
        first = await self._write(MODEL_SNAPSHOTS, "model", shard.epoch, copy.offset, parts)  # c
        await self._commit(SNAPSHOT_SHARD, shard.epoch, "model", copy.offset, first, len(parts))  # d

    def on_log_message(self, message: Message, verdict: Verdict, offset: int) -> None:
        """A message of the log was folded."""
        if isinstance(message, Batch) and verdict == "accepted":
            awaited, future = self._awaited.get(message.shard, (GONE, None))
            if future is not None and not future.done() and message.seq == awaited:
                future.set_result(offset + 1)
        elif isinstance(message, SnapshotCommitted) and verdict == "stored":
            shard = self.shards.get(message.shard)
            if shard is not None and shard.epoch == message.epoch:
                self._start(self._delete(message))
            if SNAPSHOT_SHARD in self.shards:
                self._start(self._truncate_log())
        elif isinstance(message, FingerprintReport):
            self._compare(message)
        if (offset + 1) % self.config.worker.fingerprint_every == 0:
            self._start(self._report(self.replica.model.copy()))

    def release(self, shard_id: str) -> None:
        """The shard is not owned any more."""
        _, future = self._awaited.pop(shard_id, (GONE, None))
        if future is not None and not future.done():
            future.set_result(GONE)

    def _accepted(self, shard: Shard, copy: UsersCopy) -> "asyncio.Future[int]":
        """Log offset at which the copy equals the fold; `GONE` if the shard is lost before."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        state = self.replica.acceptance.shards[shard.id]
        if (state.epoch, state.seq) == (shard.epoch, copy.state.seq):
            future.set_result(self.replica.delivered_to)
        else:
            self._awaited[shard.id] = copy.state.seq - 1, future
        return future

    async def _write(self, topic: Topic, subject: str, epoch: int, offset: int, parts: Sequence[bytes]) -> int:
        """Write chunks one after the other; returns the offset of the first."""
        partition = 0 if subject == "model" else ShardId.parse(subject).partition
        positions = [
            await self.writer.send_chunk(topic, partition, chunk) for chunk in chunks(subject, epoch, offset, parts)
        ]
        self.observer.stored(subject, sum(map(len, parts)))
        return min(positions)

    async def _commit(self, shard_id: str, epoch: int, what: Any, offset: int, first: int, count: int) -> None:
        await self.writer.log(SnapshotCommitted(LOG_VERSION, shard_id, epoch, what, offset, first, count))

    async def _delete(self, stored: SnapshotCommitted) -> None:  # e
        if stored.what == "users":
            partition = ShardId.parse(stored.shard).partition
            await self.connections.delete_before(USER_SNAPSHOTS, partition, stored.first)
        else:
            await self.connections.delete_before(MODEL_SNAPSHOTS, 0, stored.first)

    async def _truncate_log(self) -> None:  # f
        start = self.replica.acceptance.cut
        if start > self._log_start:
            self._log_start = start
            await self.connections.delete_before(LOG, 0, start)

    async def _report(self, copy: ModelCopy) -> None:
        digest = await asyncio.to_thread(copy.fingerprint)
        self.observer.fingerprinted(copy.offset, digest)
        await self.writer.log(
            FingerprintReport(LOG_VERSION, "", self.name, SNAPSHOT_SHARD in self.shards, copy.offset, digest)
        )

    def _compare(self, report: FingerprintReport) -> None:
        found = self._reports.add(report)
        if found in ("in the majority", "wrong"):
            self.observer.disagreed()
            log.error("the models of workers differ at log offset %d; this worker's is %s", report.offset, found)
        if found == "wrong":
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
            log.warning("a snapshot, or the truncation after it, failed: %r", error)
