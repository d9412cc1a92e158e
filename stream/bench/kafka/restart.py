"""A worker killed and started again, through a real Kafka: how long until it serves."""

import asyncio
import signal
import time
from itertools import islice
from typing import NamedTuple

import msgspec

from stream.bench.kafka.backlog import metrics_of, worked_off
from stream.bench.kafka.load import prepared, producer_of, send
from stream.bench.workloads import workload
from stream.config import Config
from stream.processes.servers import WorkerProcess
from stream.records.topics import EVENT_TOPICS, prefixed

EVENTS_PER_USER = 4  # learned before the kill


class Restart(NamedTuple):
    """A worker that was killed, and the one that goes on."""

    users: int
    events: int
    model_mb: float  # snapshot of the model
    users_mb: float  # snapshots of the users
    ready_s: float  # from the start of the process until it serves
    recovery_s: float  # of which: from the claims until its partitions are served


async def measure_restart(config: Config, users: int) -> Restart:
    """Let a worker learn `users` users and as many items, kill it once snapshots hold them, and start it again."""
    config = prepared(config, "restart")
    kafka = msgspec.structs.replace(config.kafka, instance_id="one")  # else it waits for the session time-out
    settings = msgspec.structs.replace(config.worker, snapshot_s=10.0)
    config = msgspec.structs.replace(config, kafka=kafka, worker=settings)
    events = EVENTS_PER_USER * users
    async with producer_of(config) as producer:
        partitions = len(await producer.partitions_for(prefixed(config.kafka.namespace, EVENT_TOPICS["view"])))
        made = workload(events, users=users, items=users)
        while part := list(islice(made, 20_000)):
            await send(producer, config, part, partitions)
    with WorkerProcess(config) as worker:
        worker.wait_ready()
        await worked_off([worker], events)
        await asyncio.sleep(2.5 * settings.snapshot_s)  # snapshots of everything are stored
        sizes = metrics_of([worker]).metrics
        worker.stop(signal.SIGKILL)
        started = time.monotonic()
        worker.start()
        worker.wait_ready()
        ready_s = time.monotonic() - started
        recovery_s = metrics_of([worker]).metrics["headwater_recovery_seconds_sum"]
    model_mb, users_mb = (sizes[f'headwater_snapshot_size_bytes{{type="{what}"}}'] / 1e6 for what in ("model", "users"))
    return Restart(users, events, model_mb, users_mb * partitions, ready_s, recovery_s)
