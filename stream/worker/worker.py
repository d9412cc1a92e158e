"""The worker: owner of some shards, replica of the model. Ties intake, engine, writer and replica together.

Order of writes, per shard:

1. take events at exactly the next positions, apply them, draw slates: batches (`Rounds.take`)
2. send a batch's recommendations and dead letters (`Writer.submit`)
3. when all of them are acknowledged, send the batch to headwater.log, in order of its number (`Writer`)
4. fold the log (`Replica`); the own batch comes back accepted: it has happened. Now send its outcomes
5. now and then, store a snapshot of what was accepted (`Snapshotter`)

Polls are pipelined: no step waits for the last one of the poll before. A shard is lost, with all of its users, when
somebody claims it after this worker, when the log ignores an own batch, when something could not be written, or when
an own batch does not come back (`Ownership`). There is never anything to roll back.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

from aiokafka.errors import KafkaError
from faust.types import TP

from stream.config import Config
from stream.decisions.engine import Engine
from stream.decisions.publish import outcomes
from stream.kafka.connections import Connections
from stream.kafka.faust_polls import Positions
from stream.kafka.own_messages import OwnMessages
from stream.kafka.polls import Poll
from stream.model.fold import Model
from stream.observe import Observer
from stream.records.acceptance import Verdict
from stream.records.log import Batch, Message
from stream.serving.ending import stop_within
from stream.worker.intake import Intake, Reading
from stream.worker.ownership import Ownership
from stream.worker.positions import InputPositions
from stream.worker.replica import Replica
from stream.worker.rounds import Rounds
from stream.worker.snapshotter import Snapshotter
from stream.worker.takeover import Takeover
from stream.worker.writer import SendError, Writer, outcome_records, slate_records

DRAIN_CHECK_S = 0.002
REFRESH_INTERVAL_S = 0.05  # between two rounds of refreshed slates
DEFERRED_INTERVAL_S = 0.001  # between two rounds of deferred slates
CHECK_INTERVAL_S = 5.0  # between two checks of positions and of batches that do not come back
DRAIN_TIMEOUT_S = 10.0  # for unwritten batches, at the end
REVOKE_TIMEOUT_S = 3.0  # the same when Kafka revokes shards: the whole group waits, and the rest will be read again

log = logging.getLogger(__name__)


class Worker:
    """Everything that one worker process does, except for Faust, which brings it polls.

    Parameters
    ----------
    failed : called when the process cannot go on
    positions : of Faust's consumer
    clock : unix seconds; used only for the times that events and slates are given, and it may jump
    timer : monotonic seconds, the same as `Poll.fetched_at`: says what work costs, and so how many slates fit
    name : of this process, unlike any other's
    """

    def __init__(
        self, config: Config, observer: Observer, failed: Callable[[BaseException], None], positions: Positions, *,
        connections: Connections | None = None, clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic, name: str | None = None,
    ) -> None:  # fmt: skip
        self.config, self.observer, self.failed, self.clock = config, observer, failed, clock
        name = name or uuid4().hex
        connections = connections or Connections(config.kafka)
        self.model = Model(config, observer)
        self.engine = Engine(config, self.model, observer)
        self.intake = Intake(config, observer)
        self.connections = connections
        self.positions = InputPositions(positions, connections, self.intake.topics, lambda: self.taking)
        self.intake.partitions = self.positions.watch.partitions
        own = OwnMessages()
        self.writer = Writer(connections, config.kafka.namespace, observer, clock, self._on_send_error, own)
        self.replica = Replica(connections, self.model, self.on_log_message, self._on_truncation, failed, own)
        takeover = Takeover(config, name, connections, self.writer, self.replica)
        self.ownership = Ownership(
            config, observer, self.intake, self.positions, self.writer, self.replica, takeover, self._on_gone
        )
        self.shards, self.assigned = self.ownership.shards, self.ownership.assigned
        self.rounds = Rounds(self.engine, self.intake, self.writer, self.shards, clock, timer)
        self.replica.timer, self.replica.on_fold = timer, self.rounds.on_fold
        self.snapshotter = Snapshotter(
            config, name, self.replica, self.writer, connections, self.shards, observer
        )  # fmt: skip
        self.started = asyncio.Event()
        self.taking = False  # whether a poll is being taken in
        self._turn = asyncio.Lock()  # batches of a shard must be submitted in the order in which they were made
        self._room = asyncio.Event()  # fewer records wait for the log than before
        self._refreshes = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        """Whether the model is up to date and all assigned shards are recovered."""
        return self.replica.caught_up.is_set() and bool(self.assigned) and self.assigned.keys() <= self.shards.keys()

    async def start(self) -> None:
        """Connect; the log is folded in the background from here on."""
        await self.positions.watch.look()
        await self.writer.start()
        await self.replica.start()
        running = [
            self._or_fail(self.ownership.run()),
            self._watch(),
            self.snapshotter.run(),
            self._or_fail(self._refresh()),
        ]
        self._tasks = [asyncio.create_task(each) for each in running]
        self.started.set()

    async def stop(self) -> None:
        """Write the unwritten batches, then disconnect."""
        for task in self._tasks:
            task.cancel()
        self.rounds.questions.stop()
        await self._release(set(self.assigned), DRAIN_TIMEOUT_S)
        for stopped in (self.writer.stop(), self.replica.stop()):
            await stop_within(stopped, DRAIN_TIMEOUT_S)  # nothing is lost: the next owner goes on from the log
        self.connections.close()

    async def assign(self, assigned: set[TP]) -> None:
        """Kafka assigns these topic-partitions to this worker, and no others."""
        self.ownership.assign(assigned)

    async def revoke(self, revoked: set[TP]) -> None:
        """Kafka revokes these topic-partitions: write the unwritten batches, and take no more of their events."""
        shard_ids = {self.intake.shard_of(tp) for tp in revoked if tp.topic in self.intake.topics}
        await self._release(shard_ids, REVOKE_TIMEOUT_S)

    async def take(self, poll: Poll) -> None:
        """Take in one poll: when this returns, all that its events cause has been submitted."""
        self.taking = True
        try:
            async with self._turn:
                while self.rounds.in_flight >= self.config.kafka.in_flight_records:
                    self._room.clear()
                    await self._room.wait()
                await self.rounds.take(poll, self._seek)
        finally:
            self.taking = False

    async def _seek(self, poll: Poll, reading: Reading) -> None:
        """Go back to records that the poll does not have."""
        for tp, wanted in reading.seek.items():
            if self.positions.precedes_seek(poll, tp):
                continue
            first, start = await self.positions.next_record(tp, wanted)
            self.intake.add_gap(tp, wanted, first, max(0, min(start, first) - wanted))
            await self.positions.seek_to(tp, wanted)
        await asyncio.sleep(0)  # the log reader and the HTTP endpoints get their turn

    async def on_log_message(self, message: Message, verdict: Verdict, offset: int) -> None:
        """A message of the log was folded."""
        self.snapshotter.on_log_message(message, verdict, offset)  # 5
        if self.ownership.on_log_message(message, verdict, offset) and isinstance(message, Batch):
            self._room.set()
            outgoing = outcome_records(message.shard, outcomes(message, self.model.lists))
            self.writer.send_soon(message.shard, outgoing, self.replica.delivered_to)  # 4

    async def refresh(self) -> None:
        """Make deferred slates if no poll is being taken in; or else refresh some, if no batch is unwritten either."""
        shard_ids = sorted(self.shards)
        if not shard_ids or self.taking or not self.replica.caught_up.is_set():
            return
        if self.rounds.deferring:
            async with self._turn:
                await self.rounds.catch_up()
        self.rounds.look()
        if self.rounds.deferring or self.rounds.in_flight:
            return
        self._refreshes += 1
        room, first = self.config.slate.refresh_at_once, self._refreshes % len(shard_ids)  # each is first in turn
        async with self._turn:
            for shard_id in shard_ids[first:] + shard_ids[:first]:
                shard = self.shards.get(shard_id)
                batch = None if shard is None else self.engine.refresh(shard, room)
                if batch is not None:
                    room -= len(batch.records)
                    await self.writer.submit(batch, slate_records(batch, self.model.lists), [])

    async def _release(self, shard_ids: set[str], within_s: float) -> None:
        """Take no more events of these shards, and return when the batches made so far have gone to the log."""
        self.ownership.release(shard_ids)
        self._room.set()
        try:
            await asyncio.wait_for(self._drained(), within_s)
        except TimeoutError:
            log.warning("%s: batches were not written within %.0f s", ", ".join(sorted(shard_ids)), within_s)

    async def _drained(self) -> None:
        while self.taking or self._turn.locked():
            await asyncio.sleep(DRAIN_CHECK_S)
        await self.writer.drain()

    async def _watch(self) -> None:
        """Mend positions; lose shards whose batches do not come back from the log."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            try:
                await asyncio.wait_for(self.positions.mend(self.shards, self.assigned), CHECK_INTERVAL_S)
                await asyncio.wait_for(self._check_topics(), CHECK_INTERVAL_S)
            except (KafkaError, TimeoutError) as error:
                log.warning("checking the consumer's positions: %r", error)
            self.ownership.check_echoes()

    async def _check_topics(self) -> None:
        """Give up shards whose topics were deleted and made again: they are claimed anew, from the topics' start."""
        for shard_id, names in (await self.positions.remade(self.shards, self.assigned)).items():
            self.ownership.on_lost(shard_id, f"{', '.join(names)}: deleted and made again")

    async def _refresh(self) -> None:
        """Make deferred and refreshed slates in the pauses between polls."""
        while True:
            await asyncio.sleep(DEFERRED_INTERVAL_S if self.rounds.deferring else REFRESH_INTERVAL_S)
            await self.refresh()

    async def _or_fail(self, task: Coroutine[Any, Any, None]) -> None:
        try:
            await task
        except Exception as error:
            self.failed(error)
            raise

    def _on_gone(self, shard_id: str) -> None:
        self.snapshotter.release(shard_id)
        self._room.set()

    def _on_send_error(self, shard_id: str, error: SendError) -> None:
        self.ownership.on_lost(shard_id, str(error))

    def _on_truncation(self) -> None:
        self.ownership.on_truncation()
