"""What Faust and Kafka's group coordinator do for a worker: partitions given and taken away, polls, positions."""

import asyncio
import random
from typing import Any, Literal

from faust.types import TP

from stream.kafka.faust_polls import Positions
from stream.kafka.polls import Poll
from stream.records.topics import EXPERIMENTS, ITEMS, USER_TOPICS
from stream.worker.worker import Worker
from tests.simulation.clock import Process, VirtualLoop
from tests.simulation.kafka import Cluster, SimulatedConnections
from tests.simulation.schedule import PARTITIONS

SESSION_S = 3.0  # a member that is silent for so long is out
QUEUED_POLLS = 3
SHARDS = {
    **{f"users/{p}": tuple(TP(topic.name, p) for topic in USER_TOPICS) for p in range(PARTITIONS)},
    "items/0": (TP(ITEMS.name, 0),),
    "experiments/0": (TP(EXPERIMENTS.name, 0),),
}

Order = tuple[Literal["revoke", "assign", "kicked", "leave"], frozenset[TP], "asyncio.Future[None] | None"]

LOOK_S = 0.002  # that a look at a worker's timer takes: what it measures costs something, the same in every run
LOST_SEEKS = 0.05  # share of the seeks


class Member:
    """One process with its worker, and what Faust holds in it."""

    def __init__(
        self, group: "Group", slot: int, process: Process, connections: SimulatedConnections, *, keeps_polls: bool
    ) -> None:
        self.group, self.slot, self.process, self.connections = group, slot, process, connections
        self.keeps_polls = keeps_polls
        self.worker: Worker  # set by who makes the member
        self.tps: set[TP] = set()
        self.positions: dict[TP, int] = {}
        self.polls: asyncio.Queue[Poll] = asyncio.Queue(QUEUED_POLLS)
        self.orders: asyncio.Queue[Order] = asyncio.Queue()
        self.awake = asyncio.Event()
        self.fetches = 0
        self.clock_error = 0.0  # seconds
        self._looks = 0
        self._random = random.Random(f"{group.cluster.seed}/member/{process.name}")
        self.own_positions = SimulatedPositions(self)

    def start(self) -> None:
        """Start the process."""
        for task in (self.worker.start(), self._fetch(), self._take(), self._obey()):
            self.group.loop.start_in(self.process, task)
        self.group.join(self)

    def timer(self) -> float:
        """Monotonic seconds: of the loop, and a little for each look."""
        self._looks += 1
        return self.group.loop.time() + LOOK_S * self._looks

    def order(
        self, what: Literal["revoke", "assign", "kicked", "leave"], tps: frozenset[TP] = frozenset()
    ) -> "asyncio.Future[None]":
        """Tell it something, as the coordinator does."""
        answer: asyncio.Future[None] = self.group.loop.create_future()
        self.orders.put_nowait((what, tps, answer))
        return answer

    async def _fetch(self) -> None:
        while True:
            poll, generation = self._poll(), self.group.generation
            if not poll:
                self.awake.clear()
                await self.awake.wait()
                continue
            await asyncio.sleep(self._random.choice((0.002, 0.01, 0.05)) * self.connections.slowness)
            if self.keeps_polls or generation == self.group.generation:
                await self.polls.put(poll)

    def _poll(self) -> Poll:
        self.fetches += 1
        poll, room = Poll(), self._random.choice((1, 2, 4, 8))
        poll.fetch, poll.fetched_at = self.fetches, self.timer()
        poll.ends = {tp: len(self.group.cluster.partitions[tp.topic, tp.partition].records) for tp in self.tps}
        tps = sorted(self.tps)
        self._random.shuffle(tps)
        for tp in tps:
            log = self.group.cluster.partitions[tp.topic, tp.partition]
            beyond = self.positions[tp] > log.end
            start = self.positions[tp] = log.start if beyond else max(self.positions[tp], log.start)  # "earliest"
            found = log.records[start : start + room]
            if found:
                poll.append((tp, list(found)))
                self.positions[tp] += len(found)
                room -= len(found)
            if room == 0:
                break
        return poll

    async def _take(self) -> None:
        while True:
            poll = await self.polls.get()
            try:
                await self.worker.take(poll)
            except Exception as error:
                self.worker.failed(error)
                raise
            self.group.commit(self, {tp: found[-1].offset + 1 for tp, found in poll})

    async def _obey(self) -> None:
        while True:
            what, tps, answer = await self.orders.get()
            if what == "assign":
                self.tps = set(tps)
                self.positions = {tp: self.group.committed.get(tp, 0) for tp in self.tps}
                self.awake.set()
                self.group.loop.start_in(self.process, self.worker.assign(set(tps)))
                await asyncio.sleep(0)  # Faust starts it before the next rebalance
                continue
            revoked, self.tps = self.tps, set()
            if not self.keeps_polls:
                while not self.polls.empty():
                    self.polls.get_nowait()
            await self.worker.revoke(revoked)
            if answer is not None and not answer.done():
                answer.set_result(None)
            if what == "kicked":
                await asyncio.sleep(0.1)
                self.group.join(self)
            if what == "leave":
                await self.worker.stop()
                self.group.part(self.process.name)
                self.process.crash()


class SimulatedPositions(Positions):
    """Where the member reads."""

    def __init__(self, member: Member) -> None:
        super().__init__(None)
        self._member = member
        self._rng = random.Random(f"{member.group.cluster.seed}/seeks/{member.process.name}")

    @property
    def fetches(self) -> int:
        """Polls made so far."""
        return self._member.fetches

    async def earliest(self, tps: set[TP]) -> dict[TP, int]:
        """First offset of each."""
        await asyncio.sleep(0.002)
        return {tp: self._member.group.cluster.partitions[tp.topic, tp.partition].start for tp in sorted(tps)}

    async def latest(self, tps: set[TP]) -> dict[TP, int]:
        """Offset of the next record of each."""
        await asyncio.sleep(0.002)
        return {tp: self._member.group.cluster.partitions[tp.topic, tp.partition].end for tp in sorted(tps)}

    async def read(self, tps: set[TP]) -> dict[TP, int]:
        """Position of each."""
        return {tp: self._member.positions.get(tp, 0) for tp in sorted(tps)}

    async def seek(self, tp: TP, position: int) -> None:
        """Read on from this position; now and then that is lost, as in a rebalance."""
        await asyncio.sleep(0.001)
        if tp in self._member.tps and self._rng.random() >= LOST_SEEKS:
            self._member.positions[tp] = position
            self._member.awake.set()


class Group:
    """The coordinator: gives each shard to one member, anew whenever members come or go."""

    def __init__(self, loop: VirtualLoop, cluster: Cluster) -> None:
        self.loop, self.cluster = loop, cluster
        self.members: dict[str, Member] = {}
        self.committed: dict[TP, int] = {}
        self.generation = 0
        self._wanted = asyncio.Event()
        self._random = random.Random(f"{cluster.seed}/group")

    def join(self, member: Member) -> None:
        """A member asks for partitions."""
        self.members[member.process.name] = member
        self._wanted.set()

    def part(self, name: str) -> None:
        """A member is gone."""
        if self.members.pop(name, None) is not None:
            self._wanted.set()

    def rebalance(self) -> None:
        """Assign the shards again."""
        self._wanted.set()

    def expire(self, member: Member) -> None:
        """Called a session time-out after a member fell silent."""
        if member.process.state != "running" and self.members.pop(member.process.name, None) is not None:
            member.order("kicked")
            self._wanted.set()

    def commit(self, member: Member, positions: dict[TP, int]) -> None:
        """Take a member's positions down, if it owns the partitions."""
        if self.members.get(member.process.name) is member:
            self.committed.update({tp: position for tp, position in positions.items() if tp in member.tps})

    async def run(self) -> None:
        """Rebalance whenever it is asked for."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(self._random.choice((0.02, 0.3)))
            self._wanted.clear()
            self.generation += 1
            self.cluster.note(f"group: generation {self.generation}: {', '.join(sorted(self.members))}")
            answers: dict[str, Any] = {name: member.order("revoke") for name, member in sorted(self.members.items())}
            while any(not answer.done() for name, answer in answers.items() if name in self.members):
                await asyncio.sleep(0.05)
            self._assign()

    def _assign(self) -> None:
        names = sorted(self.members)
        if not names:
            return
        self._random.shuffle(names)
        given: dict[str, set[TP]] = {name: set() for name in names}
        for n, tps in enumerate(SHARDS.values()):
            given[names[n % len(names)]].update(tps)
        for name in names:
            self.members[name].order("assign", frozenset(given[name]))
