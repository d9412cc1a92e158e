"""The start of a worker with compiled kernels at an empty log, and the memory of a small site."""

import asyncio
import subprocess
import sys
import time
from statistics import median
from typing import NamedTuple

from stream.bench.kafka.backlog import metrics_of, worked_off
from stream.bench.kafka.load import prepared, producer_of, send
from stream.bench.workloads import workload
from stream.config import Config
from stream.processes.servers import WorkerProcess
from stream.records.topics import EVENT_TOPICS, prefixed

STARTS = 3
EVENTS, USERS, ITEMS = 2_000, 200, 500  # of the small site
IMPORT = "import time; import stream.app; print(time.process_time())"


class Start(NamedTuple):
    """Medians of several starts, seconds and megabytes."""

    starts: int
    import_s: float  # of a Python that imports all of the worker, and ends
    import_cpu_s: float
    ready_s: float  # from the start of the process until it serves
    ready_cpu_s: float
    ready_mb: float  # resident, when it serves
    small_mb: float  # resident, after the events of a small site


async def measure_start(config: Config, starts: int = STARTS) -> Start:
    """Start a worker several times, each time with topics of its own."""
    await asyncio.to_thread(_import)  # compiles, and reads files that later starts have in memory
    found = [await _start(config) for _ in range(starts)]
    return Start(starts, *(median(column) for column in zip(*found, strict=True)))


async def _start(config: Config) -> tuple[float, ...]:
    config = prepared(config, "start")
    imported = await asyncio.to_thread(_import)
    began = time.monotonic()
    with WorkerProcess(config) as worker:
        await asyncio.to_thread(worker.wait_ready)
        ready_s, cpu_s, ready = time.monotonic() - began, worker.cpu_seconds(), metrics_of([worker]).metrics
        async with producer_of(config) as producer:
            partitions = len(await producer.partitions_for(prefixed(config.kafka.namespace, EVENT_TOPICS["view"])))
            await send(producer, config, list(workload(EVENTS, users=USERS, items=ITEMS)), partitions)
        small = (await worked_off([worker], EVENTS)).metrics
    resident = "process_resident_memory_bytes"
    return *imported, ready_s, cpu_s, ready[resident] / 1e6, small[resident] / 1e6


def _import() -> tuple[float, float]:
    """Seconds by the clock and of CPU time."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)  # noqa: S603
    return time.monotonic() - began, float(done.stdout)
