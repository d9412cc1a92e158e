"""Plays a schedule on real workers."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec

from stream.config import Config, Kafka, Placement, Rewards, Slate
from stream.config import Worker as WorkerSettings
from stream.observe import Observer
from stream.records.log import Batch
from stream.records.topics import SNAPSHOT_SHARD
from stream.worker.worker import Worker
from tests.simulation.clock import Process, VirtualLoop
from tests.simulation.invariants import Checker, Violation
from tests.simulation.kafka import Cluster, SimulatedConnections
from tests.simulation.members import SESSION_S, Group, Member
from tests.simulation.schedule import (
    EPOCH,
    FAULTS_S,
    GAP_S,
    IDLE_S,
    PARTITIONS,
    WINDOW_S,
    Deletion,
    ProcessFault,
    Schedule,
)

CONFIG = Config(
    kafka=Kafka(partitions=PARTITIONS, in_flight_records=12),
    slate=Slate(slots=3, refresh_s=0.5, refresh_active_s=9.0, refresh_at_once=2, wait_ms=20.0),
    rewards=Rewards(session_gap_s=GAP_S, attribution_window_s=WINDOW_S, idle_s=IDLE_S),
    worker=WorkerSettings(snapshot_s=3.0, fingerprint_every=20),
)
PLACED = msgspec.structs.replace(
    CONFIG,
    placements={
        "cart": Placement(slots=2, push=True), "side": Placement(slots=3),
        "mail": Placement(slots=2, exposure="reported", learning="shared"),
    },
)  # fmt: skip
SMALL = {  # so that a short run meets every boundary
    "stream.worker.intake.BATCH_RECORDS": 3,
    "stream.worker.snapshotter.SLICE": 1,
    "stream.worker.replica.FOLD_AT_ONCE": 2,
    "stream.state.snapshot.CHUNK_BYTES": 8192,
    "stream.worker.worker.REFRESH_INTERVAL_S": 0.05,
    "stream.worker.rounds.OVERDUE_S": 1.5,
}
END_S = 200.0  # after the faults everything must be read within so long
RESTART_S = 1.0  # a process that ended is started again
CLOCK_JUMP_S = 200.0  # forward or back: longer than any wait of a worker, and less than what makes an event "future"
CALM_S = 8.0  # at the end: time for snapshots and outcomes


class Result(NamedTuple):
    """What came of a schedule."""

    violation: Violation | None
    trace: tuple[str, ...]
    accepted: int  # batches
    refreshed: int  # slates that were refreshed without an event
    deferred: int  # batches of slates that were deferred
    seconds: float  # of virtual time
    lost: int  # input records that retention took from everybody
    reported: int  # and how many of them the workers reported
    left: int  # users who left the working memory because they were idle
    placed: int  # settled decisions of placements beside home
    placed_hits: int  # of them, hits


class Counting(Observer):
    """Passes to the checker what a worker reports as lost."""

    def __init__(self, checker: Checker) -> None:
        self._checker = checker

    def lost(self, count: int) -> None:
        """Input records were deleted before they were read."""
        self._checker.reported += count


class Simulation:
    """One schedule, with all that it needs."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule, self.config = schedule, PLACED if schedule.placed else CONFIG
        self.loop = VirtualLoop(f"{schedule.seed}")
        self.broken: asyncio.Future[None] = self.loop.create_future()
        self.slots: list[Member | None] = [None] * schedule.workers
        self.deferred = 0
        self.checker = Checker(self.config, self._break, self._live)
        self.cluster = Cluster(
            self.loop, f"{schedule.seed}", schedule.send_faults, self.checker.appended, self.checker.deleted
        )
        self.checker.cluster = self.cluster
        self.group = Group(self.loop, self.cluster)
        self.cluster.news.append(self._news)
        self.cluster.fell_asleep = self._sleep
        self._started = 0
        self._over = False

    def run(self) -> Result:
        """Play it."""
        try:
            self.loop.run_until_complete(self._main())
            seconds = self.loop.time()
        finally:
            self.loop.abandon()
        checker = self.checker
        placed = [each for each in checker.settled.values() if b'"placement":"home"' not in each]
        refreshed = sum(b'"replaced"' in outcome for outcome in checker.settled.values())
        return Result(
            checker.violation, tuple(self.cluster.trace), checker.accepted, refreshed, self.deferred, seconds,
            checker.lost, checker.reported, checker.left, len(placed),
            sum(b'"outcome":"hit"' in outcome for outcome in placed),
        )  # fmt: skip

    async def _main(self) -> None:
        main = self.loop.create_task(self._play())
        await asyncio.wait({main, self.broken}, return_when=asyncio.FIRST_COMPLETED)
        if main.done() and (error := main.exception()) is not None:
            if not isinstance(error, Violation):
                raise error
            self.checker.fail(error)

    async def _play(self) -> None:
        self.loop.create_task(self.group.run())
        for slot in range(self.schedule.workers):
            self.loop.later(0.1 * slot, self._start, slot)
        for entry in self.schedule.inputs:
            self.loop.later(entry.at, self._append, entry)
        for deletion in self.schedule.deletions:
            self.loop.later(deletion.at, self._delete, deletion)
        for at, topic in self.schedule.remakes:
            self.loop.later(at, self.cluster.remake, topic)
        for fault in self.schedule.process_faults:
            self.loop.later(fault.at if not fault.kind.startswith("crash_") else 0.2, self._inflict, fault)
        await asyncio.sleep(FAULTS_S)
        self._end_faults()
        await self._finish()
        await asyncio.sleep(CALM_S)
        await self._finish()
        self.checker.check_end()
        await self._last_recovery()
        if errors := self.loop.errors():
            raise Violation(7, f"tasks ended by errors: {errors}")

    async def _finish(self) -> None:
        """Wait until everything is read and nothing is under way."""
        end = self.loop.time() + END_S
        while unfinished := self.checker.unfinished():
            if self.loop.time() > end:
                raise Violation(7, f"after {END_S:.0f} s: {'; '.join(unfinished)}")
            await asyncio.sleep(0.25)

    async def _last_recovery(self) -> None:
        """Whoever starts last finds the same as the fold of the whole log."""
        for member in list(self._live()):
            self._over = True
            member.process.crash()
            self.group.part(member.process.name)
        self._start(0)
        await self._finish()
        self.checker.check_end()

    def _end_faults(self) -> None:
        self.cluster.faults.clear()
        self.cluster.crashes_at.clear()
        for member in self._live():
            member.process.dies_at_step = None
            member.connections.slowness = 1.0
            self.loop.go_on(member.process)
        self._over = True

    # Processes

    def _live(self) -> Iterator[Member]:
        return (member for member in self.slots if member is not None and member.process.state != "dead")

    def _start(self, slot: int) -> None:
        old = self.slots[slot]
        if old is not None and old.process.state != "dead":
            return
        name = f"w{slot}.{self._started}"
        self._started += 1
        process = Process(name)
        connections = SimulatedConnections(self.cluster, process)
        member = Member(self.group, slot, process, connections, keeps_polls=self.schedule.keeps_polls)
        member.worker = Worker(
            self.config, Counting(self.checker), lambda error: self._failed(member, error), member.own_positions,
            connections=connections,  # type: ignore[arg-type]  # it has the same methods
            clock=lambda: EPOCH + self.loop.time() + member.clock_error, timer=member.timer, name=name,
        )  # fmt: skip
        self._record(member.worker)
        process.died = lambda: self._died(member)
        self.slots[slot] = member
        self.cluster.note(f"{name}: starts")
        member.start()

    def _record(self, worker: Worker) -> None:
        """Remember what it proposes."""
        make = worker.engine.decide

        def decide(shard: Any, taking: Any, room: int | None = None, **more: Any) -> list[Batch]:
            made = make(shard, taking, room, **more)
            self.deferred += bool(more["deferred"])
            self.checker.proposed.setdefault((shard.id, shard.epoch), []).extend(made)
            return made

        begin = worker.ownership.begin

        def beginning(shard: Any) -> Batch:
            batch = begin(shard)
            self.checker.proposed.setdefault((shard.id, shard.epoch), []).append(batch)
            return batch

        worker.ownership.begin = beginning  # type: ignore[method-assign]  # as below
        again = worker.engine.refresh

        def refresh(shard: Any, most: int) -> Batch | None:
            made = again(shard, most)
            if made is not None:
                self.checker.proposed.setdefault((shard.id, shard.epoch), []).append(made)
            return made

        make_them = worker.engine.make_deferred

        def make_deferred(shard: Any, user_ids: Any) -> Batch | None:
            made = make_them(shard, user_ids)
            if made is not None:
                self.deferred += 1
                self.checker.proposed.setdefault((shard.id, shard.epoch), []).append(made)
            return made

        worker.engine.make_deferred = make_deferred  # type: ignore[method-assign]
        worker.engine.decide = decide  # type: ignore[method-assign]
        worker.engine.refresh = refresh  # type: ignore[method-assign]

    def _failed(self, member: Member, error: BaseException) -> None:
        self.cluster.note(f"{member.process.name}: ends: {error!r}")
        self.checker.fail(Violation(7, f"{member.process.name} ended: {error!r}"))

    def _died(self, member: Member) -> None:
        self.cluster.note(f"{member.process.name}: is dead")
        self.loop.later(SESSION_S, self.group.expire, member)
        self.loop.later(RESTART_S, self._start, member.slot)

    # Faults

    def _append(self, entry: Any) -> None:
        self.cluster.append(entry.topic, entry.partition, entry.key, entry.value, "input")

    def _delete(self, deletion: Deletion) -> None:
        log = self.cluster.partitions[deletion.topic, deletion.partition]
        offset = log.start + round(deletion.share * (log.end - log.start))
        self.cluster.delete_before(deletion.topic, deletion.partition, offset)

    def _inflict(self, fault: ProcessFault) -> None:
        member = self.slots[fault.slot]
        if self._over or member is None or member.process.state == "dead":
            return
        process = member.process
        self.cluster.note(f"{process.name}: {fault.kind} {fault.amount}")
        if fault.kind == "crash":
            process.crash()
        elif fault.kind == "crash_step":
            process.dies_at_step = int(fault.amount)
        elif fault.kind in ("crash_append", "pause_chunk"):
            numbers = self.cluster.crashes_at if fault.kind == "crash_append" else self.cluster.sleeps_at
            numbers.add(int(fault.amount))
        elif fault.kind == "pause":
            self._pause(member, fault.amount)
        elif fault.kind == "leave":
            member.order("leave")
        elif fault.kind == "slow":
            member.connections.slowness = fault.amount
            self.loop.later(2.0, setattr, member.connections, "slowness", 1.0)
        elif fault.kind == "clock":
            member.clock_error = CLOCK_JUMP_S * (-1) ** self.cluster.appends
        elif fault.kind == "rebuild":
            member.worker.replica.rebuild()
        elif fault.kind == "corrupt":
            if SNAPSHOT_SHARD not in member.worker.shards:  # its snapshots would carry it on, see docs/exactness.md
                member.worker.model.catalogue.events += 1
                self.checker.corrupted = True
        else:
            self.group.rebalance()

    def _pause(self, member: Member, seconds: float) -> None:
        member.process.stop()
        self.loop.later(SESSION_S, self.group.expire, member)
        self.loop.later(seconds, self.loop.go_on, member.process)

    def _sleep(self, process: Process) -> None:
        for member in self._live():
            if member.process is process and not self._over:
                self._pause(member, 2 * SESSION_S)

    def _news(self) -> None:
        for member in self._live():
            member.awake.set()

    def _break(self, violation: Violation) -> None:
        self.cluster.note(f"VIOLATION {violation}")
        if not self.broken.done():
            self.broken.set_result(None)


@contextmanager
def small(patches: Mapping[str, Any]) -> Iterator[None]:
    """Small limits, and no log output."""
    with ExitStack() as stack:
        for name, value in (SMALL | dict(patches)).items():
            stack.enter_context(patch(name, value))
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)


def play(schedule: Schedule, patches: Mapping[str, Any] = MappingProxyType({})) -> Result:
    """Run a schedule from start to end; with parts of the real code replaced, if names are given."""
    with small(patches):
        return Simulation(schedule).run()
