"""How long events wait when workers come and go, with dynamic and static membership.

Events flow at a steady rate; a reader of headwater.log notes when each was accepted. Of every change, the longest wait
of the events that were sent from then on until everything had settled again is what users would notice.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import msgspec

from stream.bench.kafka.load import prepared, send_steadily
from stream.bench.workloads import workload
from stream.config import Config
from stream.errors import CheckError
from stream.kafka.connections import Connections
from stream.kafka.log_reader import ENDLESS, read_log
from stream.processes.servers import WorkerProcess
from stream.records.acceptance import Acceptance
from stream.records.log import Batch, Claim, Step
from stream.records.topics import all_shards

STEADY_S = 5.0  # before a change and after all shards are served again
STATIC_SESSION_S = 30.0  # of static members
SETTLED_S = 90.0  # longest time for all shards to be served
ENOUGH = 1 << 62  # events


class Change(NamedTuple):
    """What was done to one of two workers."""

    membership: str
    change: str
    pause_s: float  # longest wait of an event, from being sent until the log was read that accepted it
    others_s: float  # the same of events whose shard kept its worker
    settled_s: float  # until the workers that were left served all shards


class Waits:
    """Reads headwater.log, and remembers how long each event took to get there."""

    def __init__(self, config: Config) -> None:
        self.waits: list[tuple[float, float, str]] = []  # sent at, wait, shard
        self._claimed: dict[str, float] = {}  # when the newest claim of a shard was read
        self._connections = Connections(config.kafka)
        self._rules = Acceptance()

    async def read(self) -> None:
        """Read without end."""
        async for offset, message in read_log(self._connections, 0, ENDLESS):
            verdict = self._rules.judge(message, offset)
            if isinstance(message, Claim):
                self._claimed[message.shard] = time.time()
            elif verdict == "accepted" and isinstance(message, Batch):
                self._add(message)

    def longest(self, since: float) -> float:
        """Of the events sent since then."""
        return max((wait for at, wait, _ in self.waits if at >= since), default=0.0)

    def longest_of_others(self, since: float) -> float:
        """Of the events sent since then whose shards nobody has claimed since then."""
        kept = {shard for shard, at in self._claimed.items() if at < since}
        return max((wait for at, wait, shard in self.waits if at >= since and shard in kept), default=0.0)

    def _add(self, batch: Batch) -> None:
        now = time.time()
        self.waits += [
            (record.event.time, now - record.event.time, batch.shard)
            for record in batch.records
            if isinstance(record, Step) and record.event is not None
        ]


async def measure_rebalance(config: Config, rate: float) -> list[Change]:
    """A second worker joins, restarts, is killed and restarts: with dynamic, then with static membership."""
    return await _measure(config, rate, "dynamic") + await _measure(config, rate, "static")


async def _measure(config: Config, rate: float, membership: str) -> list[Change]:
    config = prepared(config, f"rebalance-{membership}")
    names = [f"worker-{n}" if membership == "static" else "" for n in range(2)]
    first, second = (WorkerProcess(_named(config, name)) for name in names)
    found: list[Change] = []
    async with AsyncExitStack() as stack:
        stack.enter_context(first)
        stack.callback(second.stop)
        await asyncio.to_thread(first.wait_ready)
        waits = await stack.enter_async_context(_flow(config, rate))

        async def change(what: str, act: Callable[[], object], *workers: WorkerProcess) -> None:
            await asyncio.sleep(STEADY_S)
            since = time.time()
            await asyncio.to_thread(act)
            settled_s = await _settled(config, workers, since)
            await asyncio.sleep(STEADY_S)
            found.append(Change(membership, what, waits.longest(since), waits.longest_of_others(since), settled_s))

        def restart(number: signal.Signals) -> None:
            second.stop(number)
            second.start()

        await change("a worker joins", second.start, first, second)
        await change("SIGTERM, started again", lambda: restart(signal.SIGTERM), first, second)
        await change("kill -9, started again", lambda: restart(signal.SIGKILL), first, second)
        await change("SIGTERM", lambda: second.stop(signal.SIGTERM), first)
    return found


def _named(config: Config, name: str) -> Config:
    """A worker with a static name also needs a session time-out longer than a restart."""
    if not name:
        return config
    kafka = msgspec.structs.replace(config.kafka, instance_id=name, session_timeout_s=STATIC_SESSION_S)
    return msgspec.structs.replace(config, kafka=kafka)


@asynccontextmanager
async def _flow(config: Config, rate: float) -> AsyncIterator[Waits]:
    """Send events steadily and measure their waits."""
    waits = Waits(config)
    tasks = [asyncio.create_task(waits.read()), asyncio.create_task(send_steadily(config, workload(ENOUGH), rate))]
    try:
        yield waits
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _settled(config: Config, workers: tuple[WorkerProcess, ...], since: float) -> float:
    """Seconds since then until these workers serve all shards together."""
    shards = len(all_shards(config.kafka.partitions))
    while time.time() < since + SETTLED_S:
        pages = [await asyncio.to_thread(worker.metrics) for worker in workers]
        owned = [page.get("headwater_shards_owned", 0.0) for page in pages]
        if all(owned) and sum(owned) == shards:
            return time.time() - since
        await asyncio.sleep(0.2)
    raise CheckError(f"workers must serve all {shards} shards within {SETTLED_S:.0f} s; they serve {owned}")
