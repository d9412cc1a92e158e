"""The worker: owner of some sources, replica of the model. Ties intake, engine, writer and replica together.

Order of writes, per source:

1. take events at exactly the next positions, apply them, draw slates: one batch (`Engine.batch`)
2. send the batch's recommendations and dead letters (`Writer.send`)
3. when all of them are acknowledged, send the batch to headwater.log, in order of its number (`Writer`)
4. fold the log (`Replica`); the own batch comes back accepted: it has happened. Now send its outcomes

Nobody waits in between: polls are pipelined. A send that fails for good, or an own batch that the log does not
accept, ends the process; whoever starts next claims its sources and goes on from the log.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from uuid import uuid4

from faust.types import TP

from stream.config import Config
from stream.engine import Engine, Partition
from stream.intake import Intake, Taken
from stream.log import LOG_VERSION, Batch, Claim, Message, Step, Verdict
from stream.model import Model
from stream.observe import Observer
from stream.publish import outcomes, recommendations
from stream.recovery import Recovered, Recovery
from stream.replica import LogReader, Replica
from stream.topics import DEAD, OUTCOMES, RECOMMENDATIONS, Source
from stream.transport import Poll, Positions
from stream.writer import Letter, Writer

log = logging.getLogger(__name__)


class FencedError(RuntimeError):
    """The log ignored a batch of this worker: somebody else owns the source, or a batch before it was lost."""

    retriable = True


class Worker:
    """Everything that one worker process does, but for Faust, which brings it polls.

    Parameters
    ----------
    failed : called when the process cannot go on
    """

    def __init__(self, config: Config, observer: Observer, failed: Callable[[BaseException], None]) -> None:
        self.config, self.observer, self.failed = config, observer, failed
        self.model = Model(config, observer)
        self.engine = Engine(config, self.model, observer)
        self.intake = Intake(config, observer)
        self.writer = Writer(config.kafka, observer, failed)
        self.replica = Replica(config.kafka, self.model, self._heard, failed)
        self.partitions: dict[str, Partition] = {}  # the sources owned, recovered
        self.assigned: dict[str, set[TP]] = {}  # the sources that Kafka gave to this worker
        self.started = asyncio.Event()
        self._parked: dict[str, Partition] = {}  # sources let go of; good again if nobody else has claimed them
        self.taking = False  # whether a poll is being taken in
        self._room = asyncio.Event()
        self._acquiring = asyncio.Lock()

    @property
    def ready(self) -> bool:
        """Whether the model is up to date and all assigned sources are recovered."""
        return (
            self.replica.caught_up.is_set() and bool(self.assigned) and self.assigned.keys() <= self.partitions.keys()
        )

    @property
    def in_flight(self) -> int:
        """Records proposed, but not folded yet."""
        return sum(partition.pending for partition in self.partitions.values())

    async def start(self) -> None:
        """Connect; the log is folded in the background from here on."""
        await self.writer.start()
        await self.replica.start()
        self.started.set()

    async def stop(self) -> None:
        """Finish what is under way, then disconnect."""
        await self.writer.stop()
        await self.replica.stop()

    async def take(self, poll: Poll, positions: Positions) -> None:
        """Take in one poll: when this returns, all that its events cause is under way."""
        self.taking = True
        while self.in_flight >= self.config.kafka.in_flight_records:
            self._room.clear()
            await self._room.wait()
        for source, fetched in self.intake.by_source(poll):
            partition = self.partitions.get(source)
            if partition is None:
                continue  # not recovered yet: it will be read again from its exact position
            reading = self.intake.read(partition.next, fetched, time.time())
            for tp, wanted in reading.seek.items():
                await positions.seek(tp, wanted)
            batches = self.engine.batches(partition, [(part.arrivals, part.next) for part in reading.parts])
            for part, batch in zip(reading.parts, batches, strict=True):
                letters = [Letter(DEAD, key, letter) for key, letter in part.dead]
                letters += self._slates(batch)
                await self.writer.submit([batch], letters, _written_at(batch, part))
            await asyncio.sleep(0)  # the log reader and the pages get their turn
        self.taking = False

    async def assign(self, assigned: set[TP], positions: Positions) -> None:
        """Kafka gave these topic-partitions to this worker: recover the sources that it does not own yet."""
        self.assigned = {}
        for tp in sorted(assigned):
            if tp.topic in self.intake.topics:
                self.assigned.setdefault(self.intake.source_of(tp), set()).add(tp)
        await self.started.wait()
        async with self._acquiring:
            claims = self.model.acceptance.sources
            for source in self.assigned.keys() & self._parked.keys():
                partition = self._parked.pop(source)
                if claims[source].base == partition.base:
                    self.partitions[source] = partition
            wanted = {source: tps for source, tps in self.assigned.items() if source not in self.partitions}
            if wanted:
                await self._acquire(wanted, positions)

    async def revoke(self, revoked: set[TP]) -> None:
        """Kafka takes these topic-partitions away: finish what is under way, then let go."""
        for source in {self.intake.source_of(tp) for tp in revoked if tp.topic in self.intake.topics}:
            self.assigned.pop(source, None)
            partition = self.partitions.pop(source, None)
            if partition is not None:
                self._parked[source] = partition
        await self.writer.settle()

    async def _acquire(self, wanted: dict[str, set[TP]], positions: Positions) -> None:
        """Claim sources and recover them from the log, see recovery.py."""
        started = time.monotonic()
        tokens = {source: uuid4().hex for source in wanted}
        for source, token in tokens.items():
            await self.writer.log(Claim(LOG_VERSION, source, token))
        recovery = Recovery(tokens, self.config.rewards.session_gap_s)
        reader = LogReader(self.config.kafka)
        try:
            await reader.start()
            while not recovery.read(await reader.read()):
                pass
        finally:
            await reader.stop()
        await self.replica.caught_up.wait()
        for source, tps in wanted.items():
            await self._adopt(source, recovery.done[source], tps, positions)
        log.info(
            "recovered %d sources in %.1f s: %s", len(wanted), time.monotonic() - started, ", ".join(sorted(wanted))
        )

    async def _adopt(self, source: str, recovered: Recovered, tps: set[TP], positions: Positions) -> None:
        partition = Partition(source, recovered.base, users=recovered.users, watermark=recovered.watermark)
        first = await positions.earliest(tps)
        for tp in sorted(tps):
            name = self.intake.topics[tp.topic].name
            partition.next[name] = max(recovered.next.get(name, 0), first[tp])
        self.partitions[source] = partition
        for tp in sorted(tps):
            await positions.seek(tp, partition.next[self.intake.topics[tp.topic].name])

    def _slates(self, batch: Batch) -> list[Letter]:
        """What goes to `recommendations`: slates, and a tombstone for who is to be forgotten, in their order."""
        partition = Source.parse(batch.source).partition
        return [
            Letter(RECOMMENDATIONS, user_id.encode(), slate, partition)
            for user_id, slate in recommendations(batch, self.model.lists)
        ]

    async def _heard(self, message: Message, verdict: Verdict, offset: int) -> None:
        """A message of the log was folded; see whether it concerns this worker."""
        owned = self.partitions.get(message.source) or self._parked.get(message.source)
        if owned is None:
            return
        if isinstance(message, Claim):
            if offset > owned.base:  # somebody claimed the source after this worker did
                log.warning("%s was claimed at log offset %d; letting go of it", message.source, offset)
                self.partitions.pop(message.source, None)
                self._parked.pop(message.source, None)
        elif message.base == owned.base:
            await self._own_batch(owned, message, verdict)

    async def _own_batch(self, owned: Partition, batch: Batch, verdict: Verdict) -> None:
        if verdict == "second copy":
            return
        if verdict != "accepted":
            self.failed(
                FencedError(f"{batch.source}: headwater.log ignored batch {batch.seq} of claim {batch.base}: {verdict}")
            )
            return
        owned.pending -= len(batch.records)
        self._room.set()
        partition = Source.parse(batch.source).partition
        letters = [
            Letter(OUTCOMES, outcome.user_id.encode(), outcome, partition)
            for outcome in outcomes(batch, self.model.lists)
        ]
        self.writer.send_soon(letters)


def _written_at(batch: Batch, taken: Taken) -> list[float]:
    """When the events that a batch answers were written."""
    return [
        taken.written_at[record.event.topic, record.event.offset]
        for record in batch.records
        if isinstance(record, Step) and record.event is not None and record.decision is not None
    ]
