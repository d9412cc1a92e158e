"""The worker: owner of some sources, replica of the model. Ties intake, engine, writer and replica together.

Order of writes, per shard:

1. take events at exactly the next positions, apply them, draw slates: batches (`Engine.batches`)
2. send a batch's recommendations and dead outgoing (`Writer.submit`)
3. when all of them are acknowledged, send the batch to headwater.log, in order of its number (`Writer`)
4. fold the log (`Replica`); the own batch comes back accepted: it has happened. Now send its outcomes
5. now and then, store a snapshot of what was accepted (`Snapshotter`)

Nobody waits in between: polls are pipelined. A shard is let go of, with all that is known of its users, when somebody
claims it after this worker, when the log ignores an own batch, when something could not be written, or when an own
batch does not come back. There is never anything to roll back. If Kafka still assigns it to this worker, it is claimed
and recovered again (`recovery.py`), after a growing pause.
"""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

from aiokafka.errors import KafkaError
from faust.types import TP

from stream.config import Config
from stream.decisions.engine import Engine, Shard
from stream.decisions.publish import outcomes
from stream.decisions.recovery import Recovery
from stream.kafka.connections import Connections, TruncatedError
from stream.kafka.faust_polls import Poll, Positions
from stream.model.fold import Model
from stream.observe import Observer
from stream.records.acceptance import Verdict
from stream.records.log import Batch, Claim, Message
from stream.records.topics import DEAD
from stream.worker.intake import Intake
from stream.worker.outbox import outcome_records, slate_records, written_at
from stream.worker.replica import Replica
from stream.worker.snapshotter import ECHO_TIMEOUT_S, Snapshotter
from stream.worker.takeover import Takeover
from stream.worker.writer import OutgoingRecord, SendError, Writer

MAX_TRUNCATIONS = 10  # in a row: what a recovery needs is not there
PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0  # before a lost shard is claimed again: doubled with every loss
DRAIN_CHECK_S = 0.002
REFRESH_INTERVAL_S = 0.05  # between two looks for slates to be made anew
DEFERRED_INTERVAL_S, DEFERRED_AT_ONCE = (
    0.005,
    50,
)  # between two looks for slates that were put off; of a shard, in one go
CHECK_INTERVAL_S = 5.0  # between two looks for batches that do not come back
DRAIN_TIMEOUT_S = 10.0  # for what is under way, at the end
REVOKE_TIMEOUT_S = (
    3.0  # the same when Kafka takes sources away, since the whole group waits; the rest is taken in again
)

log = logging.getLogger(__name__)


class Worker:
    """Everything that one worker process does, but for Faust, which brings it polls.

    Parameters
    ----------
    failed : called when the process cannot go on
    clock : unix seconds; only what is said of events and slates looks at it, and it may jump
    name : of this process, unlike any other's
    """

    def __init__(
        self, config: Config, observer: Observer, failed: Callable[[BaseException], None], *,
        connections: Connections | None = None, clock: Callable[[], float] = time.time, name: str | None = None,
    ) -> None:  # fmt: skip
        self.config, self.observer, self.failed, self.clock = config, observer, failed, clock
        self.name = name or uuid4().hex
        self.connections = connections or Connections(config.kafka)
        self.model = Model(config, observer)
        self.engine = Engine(config, self.model, observer)
        self.intake = Intake(config, observer)
        self.writer = Writer(self.connections, config.kafka.namespace, observer, clock, self._unwritten)
        self.replica = Replica(self.connections, self.model, self.on_log_message, self.on_truncation, failed)
        self.shards: dict[str, Shard] = {}  # the sources owned, recovered
        self.keeper = Snapshotter(
            config, self.name, self.replica, self.writer, self.connections, self.shards, observer
        )  # fmt: skip
        self.takeover = Takeover(
            config, self.name, self.model.lists, self.connections, self.writer, self.replica.acceptance
        )  # fmt: skip
        self.assigned: dict[str, set[TP]] = {}  # the sources that Kafka gave to this worker
        self.started = asyncio.Event()
        self.taking = False  # whether a poll is being taken in
        self._turn = asyncio.Lock()  # batches of a shard must be submitted in the order in which they were made
        self._looks = 0
        self._released: dict[str, Shard] = {}  # sources let go of; good again if nobody else has claimed them
        self._progress_at: dict[str, float] = {}  # when the log last accepted an own batch of a shard, or none was due
        self._losses: Counter[str] = Counter()
        self._positions: Positions | None = None
        self._sought: dict[TP, int] = {}  # fetches begun when a topic-partition was last sought
        self._wanted = asyncio.Event()  # there may be sources to be claimed
        self._room = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        """Whether the model is up to date and all assigned sources are recovered."""
        return self.replica.caught_up.is_set() and bool(self.assigned) and self.assigned.keys() <= self.shards.keys()

    @property
    def in_flight(self) -> int:
        """Records proposed, but not folded yet."""
        return sum(shard.pending for shard in self.shards.values())

    async def start(self) -> None:
        """Connect; the log is folded in the background from here on."""
        await self.writer.start()
        await self.replica.start()
        self._tasks = [
            asyncio.create_task(task) for task in (self._own(), self._watch(), self.keeper.run(), self._refresh())
        ]
        self.started.set()

    async def stop(self) -> None:
        """Finish what is under way, then disconnect."""
        for task in self._tasks:
            task.cancel()
        await self._release(set(self.assigned), DRAIN_TIMEOUT_S)
        for stopped in (self.writer.stop(), self.replica.stop()):
            try:
                await asyncio.wait_for(stopped, DRAIN_TIMEOUT_S)
            except (TimeoutError, KafkaError) as error:  # nothing is lost: the next owner goes on from the log
                log.warning("stopping: %r", error)

    async def take(self, poll: Poll, positions: Positions) -> None:
        """Take in one poll: when this returns, all that its events cause is under way."""
        self.taking = True
        try:
            async with self._turn:
                await self._take(poll, positions)
        finally:
            self.taking = False

    async def _take(self, poll: Poll, positions: Positions) -> None:
        while self.in_flight >= self.config.kafka.in_flight_records:
            self._room.clear()
            await self._room.wait()
        for shard_id, fetched in self.intake.by_shard(poll):
            shard = self.shards.get(shard_id)
            if shard is None:
                continue  # not recovered yet: it will be read again from its exact position
            began = time.perf_counter()
            reading = self.intake.read(shard.next, fetched, self.clock())
            shard.outcomes_acked = max(shard.outcomes_acked, self.writer.outcomes_acked.get(shard_id, 0))
            decoded = time.perf_counter()
            behind, slate = poll.waiting(tp for tp, _ in fetched), self.config.slate
            deferred_at = self.clock() if 0 < slate.backlog_records <= behind else None
            parts = [(part.arrivals, part.next) for part in reading.parts]
            batches = self.engine.batches(shard, parts, deferred_at)  # 1
            decided = time.perf_counter()
            for part, batch in zip(reading.parts, batches, strict=True):
                outgoing = [OutgoingRecord(DEAD, key, record) for key, record in part.dead]
                outgoing += slate_records(batch, self.model.lists)
                await self.writer.submit(batch, outgoing, written_at(batch, part))  # 2, 3
            self.observer.busy("decode", decoded - began)
            self.observer.busy("decide", decided - decoded)
            self.observer.busy("publish", time.perf_counter() - decided)
            await self._make_deferred(shard, self.clock() - slate.backlog_s)
            for tp, wanted in reading.seek.items():
                if poll.fetch <= self._sought.get(tp, -1):
                    continue  # fetched before the last seek: the right records are on their way
                first, start = await self._next_record(tp, wanted)
                self.intake.hole(tp, wanted, first, max(0, min(start, first) - wanted))
                await self._seek_to(positions, tp, wanted)
            await asyncio.sleep(0)  # the log reader and the pages get their turn

    async def refresh(self) -> None:
        """Make some slates anew if nothing waits to be taken in and nothing is under way."""
        sources = sorted(self.shards)
        if not sources or self.taking or self.in_flight or not self.replica.caught_up.is_set():
            return
        if self.deferring:
            async with self._turn:
                for shard_id in sources:
                    if shard_id in self.shards:
                        await self._make_deferred(self.shards[shard_id], math.inf)
            return
        self._looks += 1
        room, first = self.config.slate.refresh_at_once, self._looks % len(sources)  # each shard is the first in turn
        async with self._turn:
            for shard_id in sources[first:] + sources[:first]:
                shard = self.shards.get(shard_id)
                batch = None if shard is None else self.engine.refresh(shard, room)
                if batch is not None:
                    room -= len(batch.records)
                    await self.writer.submit(batch, slate_records(batch, self.model.lists), [])

    @property
    def deferring(self) -> int:
        """Users whose slates were put off."""
        return sum(len(shard.deferred) for shard in self.shards.values())

    async def _make_deferred(self, shard: Shard, before: float) -> None:
        """Make some of the slates that were put off before that time."""
        began = time.perf_counter()
        batch = self.engine.make_deferred(shard, DEFERRED_AT_ONCE, before) if shard.deferred else None
        self.observer.busy("decide", time.perf_counter() - began)
        if batch is not None:
            await self.writer.submit(batch, slate_records(batch, self.model.lists), [])

    async def assign(self, assigned: set[TP], positions: Positions) -> None:
        """Kafka gave these topic-partitions to this worker: the sources that it does not own yet will be recovered."""
        self.assigned = {}
        for tp in sorted(assigned):
            if tp.topic in self.intake.topics:
                self.assigned.setdefault(self.intake.shard_of(tp), set()).add(tp)
        self._positions = positions
        self._wanted.set()

    async def revoke(self, revoked: set[TP]) -> None:
        """Kafka takes these topic-partitions away: finish what is under way, then let go."""
        await self._release(
            {self.intake.shard_of(tp) for tp in revoked if tp.topic in self.intake.topics}, REVOKE_TIMEOUT_S
        )

    async def _release(self, sources: set[str], within_s: float) -> None:
        """Take no more events of these sources, and return when what was taken has gone to the log."""
        for shard_id in sorted(sources):
            self.assigned.pop(shard_id, None)
            shard = self.shards.pop(shard_id, None)
            self.keeper.release(shard_id)
            if shard is not None:
                self._released[shard_id] = shard
        self._room.set()
        try:
            await asyncio.wait_for(self._drained(), within_s)
        except TimeoutError:
            log.warning("%s: what is under way was not written within %.0f s", ", ".join(sorted(sources)), within_s)

    async def _drained(self) -> None:
        while self.taking or self._turn.locked():
            await asyncio.sleep(DRAIN_CHECK_S)
        await self.writer.drain()

    async def _next_record(self, tp: TP, position: int) -> tuple[int, int]:
        """Where the first record from a position on stands, and where the topic starts.

        What Faust's consumer says may be of before a seek.
        """
        reader = self.connections.reader(self.intake.topics[tp.topic], tp.partition)
        try:
            first, end = await reader.start(position)
            while max(first, position) < end:
                if records := await reader.read():
                    return records[0][0], first
        except (KafkaError, TruncatedError) as error:
            log.warning("%s/%d: looking for the record at %d: %r", tp.topic, tp.partition, position, error)
        finally:
            await reader.stop()
        return position, position

    def on_lost(self, shard_id: str, why: str) -> None:
        """Throw away all that is known of a shard's users; claim it again if it is still assigned."""
        self._released.pop(shard_id, None)  # somebody else has it now, as Kafka wanted
        if self.shards.pop(shard_id, None) is None:
            return
        self.keeper.release(shard_id)
        self._losses[shard_id] += 1
        pause = _pause(self._losses[shard_id] - 1)
        log.warning("%s: let go of, since %s; claimed again in %.1f s if it is still assigned", shard_id, why, pause)
        self._room.set()
        asyncio.get_running_loop().call_later(pause, self._wanted.set)

    async def _own(self) -> None:
        """Claim and recover what is assigned and not owned, whenever there is such a shard."""
        failures = 0
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await self.replica.caught_up.wait()
                await self._resume_released()
                wanted = {shard_id: tps for shard_id, tps in self.assigned.items() if shard_id not in self.shards}
                if not wanted:
                    continue
                try:
                    await self._acquire(wanted)
                    failures = 0
                except (KafkaError, TimeoutError, TruncatedError) as error:
                    failures += 1
                    if isinstance(error, TruncatedError) and failures > MAX_TRUNCATIONS:
                        raise
                    log.warning("recovering %s: %r; trying again", ", ".join(sorted(wanted)), error)
                if self.assigned.keys() - self.shards.keys():
                    asyncio.get_running_loop().call_later(_pause(failures), self._wanted.set)
        except Exception as error:
            self.failed(error)
            raise

    async def _watch(self) -> None:
        """Let go of sources whose batches do not come back from the log; mend positions."""
        stands: dict[TP, int] = {}
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            try:
                await asyncio.wait_for(self._mend_positions(stands), CHECK_INTERVAL_S)
            except (KafkaError, TimeoutError) as error:
                log.warning("looking at the consumer's positions: %r", error)
            for shard_id, shard in list(self.shards.items()):
                now = asyncio.get_running_loop().time()  # the clock may jump
                if shard.pending == 0:
                    self._progress_at[shard_id] = now
                elif now - self._progress_at.get(shard_id, now) > ECHO_TIMEOUT_S:
                    self.on_lost(
                        shard_id, f"its batches have not come back from headwater.log for {ECHO_TIMEOUT_S:.0f} s"
                    )

    async def _refresh(self) -> None:
        try:
            while True:
                await asyncio.sleep(DEFERRED_INTERVAL_S if self.deferring else REFRESH_INTERVAL_S)
                await self.refresh()
        except Exception as error:
            self.failed(error)
            raise

    async def _mend_positions(self, stands: dict[TP, int]) -> None:
        """Seek where the consumer has read on while the shard stood still between two looks.

        A seek is lost when a rebalance comes between, and the consumer starts at the committed offset, which may lie
        behind polls that nobody took in. The next record would show the gap; but there may be none for long.
        """
        for shard_id, shard in list(self.shards.items()):
            if self.taking or self._positions is None:
                return
            for tp, position in (await self._positions.read(self.assigned.get(shard_id, set()))).items():
                wanted = shard.next[self.intake.topics[tp.topic].name]
                if position > wanted == stands.get(tp):
                    start = (await self._positions.earliest({tp}))[tp]
                    if position > start:  # else what stood before it has been deleted: there is nothing to read
                        await self._seek_to(self._positions, tp, wanted)
                stands[tp] = wanted

    async def _resume_released(self) -> None:
        """Sources that came back and that nobody else has claimed: what is known of them still holds."""
        for shard_id in sorted(self.assigned.keys() & self._released.keys()):
            shard = self._released.pop(shard_id, None)  # it may go while another one is sought
            if shard is None or shard_id not in self.assigned:
                continue
            if self.replica.acceptance.shards[shard_id].epoch == shard.epoch:
                self.shards[shard_id] = shard
                await self._seek(shard)  # what came meanwhile was dropped

    async def _seek(self, shard: Shard) -> None:
        """Read a shard on from exactly its next positions."""
        positions = self._positions
        if positions is not None:
            tps = sorted(self.assigned.get(shard.id, ()))
            names = [self.intake.topics[tp.topic].name for tp in tps]
            await asyncio.gather(
                *(self._seek_to(positions, tp, shard.next[name]) for tp, name in zip(tps, names, strict=True))
            )

    async def _seek_to(self, positions: Positions, tp: TP, position: int) -> None:
        await positions.seek(tp, position)
        self._sought[tp] = positions.fetches

    async def _acquire(self, wanted: dict[str, set[TP]]) -> None:
        """Claim sources and recover them; the numbers are those of `recovery.py`."""
        started = asyncio.get_running_loop().time()
        recoveries = await self.takeover.recover(list(wanted))  # 1, 2, 3
        if self._positions is None:
            return
        first = await self._positions.earliest(set[TP]().union(*wanted.values()))
        for recovery in recoveries:
            await self._adopt(recovery, {tp: first[tp] for tp in wanted[recovery.shard]})
        seconds = asyncio.get_running_loop().time() - started
        self.observer.recovered(seconds)
        log.info("recovered %d sources in %.1f s: %s", len(wanted), seconds, ", ".join(sorted(wanted)))

    async def _adopt(self, recovery: Recovery, first: dict[TP, int]) -> None:
        """Serve a recovered shard, unless somebody else has claimed it meanwhile.

        If Kafka has taken it away meanwhile, it waits among those let go of: in a chain of rebalances each would come
        before the end of a recovery, and none would ever be of use.
        """
        shard_id, claimed = recovery.shard, recovery.claimed
        wanted, lost = {}, 0
        for tp in sorted(first):
            position = claimed.state.next.get(self.intake.topics[tp.topic].name)
            wanted[tp] = max(position or 0, first[tp])
            lost += 0 if position is None else wanted[tp] - position
        for future in await self.writer.send(shard_id, outcome_records(shard_id, recovery.outcomes)):  # 5
            await future
        if self.replica.acceptance.shards[shard_id].epoch != claimed.epoch:
            return
        if lost:
            self.observer.skipped_offsets(lost)
            self.observer.lost(lost)
            log.error("%s: %d input records were deleted before they were read", shard_id, lost)
        shard = Shard(
            shard_id, claimed.epoch, self.config.rewards, users=recovery.users, watermark=claimed.state.watermark
        )
        shard.outcomes_acked = claimed.epoch
        shard.next = {self.intake.topics[tp.topic].name: position for tp, position in wanted.items()}
        if shard_id not in self.assigned:
            self._released[shard_id] = shard
            return
        self.shards[shard_id] = shard
        await self._seek(shard)  # 4

    async def on_log_message(self, message: Message, verdict: Verdict, offset: int) -> None:
        """A message of the log was folded; see whether it concerns this worker."""
        self.keeper.on_log_message(message, verdict, offset)
        owned = self.shards.get(message.shard) or self._released.get(message.shard)
        if isinstance(message, Claim):
            if owned is not None and offset > owned.epoch:
                self.on_lost(message.shard, f"somebody claimed it at log offset {offset}")
            self.takeover.on_log_message(message, offset)
        elif isinstance(message, Batch) and owned is not None and message.epoch == owned.epoch:
            self._own_batch(owned, message, verdict)

    def _own_batch(self, owned: Shard, batch: Batch, verdict: Verdict) -> None:
        if verdict == "duplicate":
            return
        if verdict != "accepted":
            self.on_lost(batch.shard, f"headwater.log ignored its batch {batch.seq}: {verdict}")
            return
        owned.pending -= len(batch.records)
        self._progress_at[batch.shard] = asyncio.get_running_loop().time()
        self._losses.pop(batch.shard, None)
        self._room.set()
        outgoing = outcome_records(batch.shard, outcomes(batch, self.model.lists))
        self.writer.send_soon(batch.shard, outgoing, self.replica.delivered_to)

    def on_truncation(self) -> None:
        for shard_id in [*self.shards, *self._released]:
            self.on_lost(shard_id, "headwater.log was cut before it was read: who owns the shard is not known")

    def _unwritten(self, shard_id: str, error: SendError) -> None:
        self.on_lost(shard_id, str(error))


def _pause(failures: int) -> float:
    """Seconds before the next attempt, after so many that failed."""
    return min(LONGEST_PAUSE_S, PAUSE_S * 2.0 ** min(failures, 16))
