"""Speed of a gateway on this machine: requests at fixed rates, beside broker, worker and meter.

A request's time runs from when it was due, not from when it was sent: while a gateway stalls, what waits counts too
(coordinated omission).
"""

import asyncio
import random
import time
from collections import Counter
from itertools import islice
from typing import NamedTuple

import aiohttp
import msgspec
import numpy as np

from stream.bench.kafka.load import prepared, producer_of, send
from stream.bench.workloads import workload
from stream.config import Config
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.codec import encode
from stream.records.topics import EVENT_TOPICS, prefixed

USERS = 2_000  # who have a slate
HISTORY = 10_000  # events before
WRITES = 0.1  # share of the requests; the others read slates
TICK_S = 0.002
TIMEOUT_S = 10.0
CONNECTIONS = 100
DRAIN_TIMEOUT_S = 3.0


class GatewayLoad(NamedTuple):
    """One kind of request at one rate, in milliseconds from when it was due."""

    requests: str
    rate: float  # all requests per second
    answered: int
    failed: int  # refused, timed out, or not 200
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    gateway_cpu: float  # share of one core


async def measure_gateway(config: Config, rates: tuple[float, ...], seconds: float) -> list[GatewayLoad]:
    """Make slates for some users, then read and write at each of the rates."""
    config = prepared(config, "gateway")
    async with producer_of(config) as producer:
        partitions = len(await producer.partitions_for(prefixed(config.kafka.namespace, EVENT_TOPICS["view"])))
        await send(producer, config, list(workload(HISTORY, users=USERS)), partitions)
    gateway = msgspec.structs.replace(config.gateway, rate=1e6, burst=1e6)
    found: list[GatewayLoad] = []
    with (
        WorkerProcess(config) as worker,
        GatewayProcess(msgspec.structs.replace(config, gateway=gateway)) as process,
    ):
        worker.wait_ready()
        while worker.metrics().get("headwater_records_folded_total", 0.0) < HISTORY:
            await asyncio.sleep(0.2)
        process.wait_ready()
        for rate in rates:
            await asyncio.sleep(DRAIN_TIMEOUT_S)
            found += await _load(process, rate, seconds)
    return found


async def _load(process: GatewayProcess, rate: float, seconds: float) -> list[GatewayLoad]:
    rng = random.Random(f"headwater/bench/gateway/{rate}")
    took: dict[str, list[float]] = {"read": [], "write": []}
    failed: Counter[str] = Counter()
    events = workload(int(rate * seconds), f"gateway-{rate}", users=USERS)
    cpu, started = process.metrics()["process_cpu_seconds_total"], time.perf_counter()
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(
        process.pages, timeout=timeout, connector=aiohttp.TCPConnector(limit=CONNECTIONS)
    ) as client:

        async def ask(due: float) -> None:
            write = rng.random() < WRITES
            kind = "write" if write else "read"
            try:
                if write:
                    ((type_, event),) = islice(events, 1)
                    body = encode(msgspec.structs.replace(event, type=type_, timestamp=time.time()))
                    headers = {"Content-Type": "application/json"}
                    async with client.post("/v1/events", data=body, headers=headers) as answer:
                        await answer.read()
                else:
                    path = f"/v1/users/u{rng.randrange(USERS)}/recommendations?k=20"
                    async with client.get(path) as answer:
                        await answer.read()
                failed[kind] += answer.status != 200
            except (aiohttp.ClientError, TimeoutError):
                failed[kind] += 1
            took[kind].append(time.perf_counter() - due)

        tasks: list[asyncio.Task[None]] = []
        for n in range(int(rate * seconds)):
            due = started + n / rate
            while (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(min(wait, TICK_S))
            tasks.append(asyncio.create_task(ask(due)))
        await asyncio.gather(*tasks)
    elapsed = time.perf_counter() - started
    busy = (process.metrics()["process_cpu_seconds_total"] - cpu) / elapsed
    found = []
    for kind, values in took.items():
        p50, p90, p99, top = (1e3 * np.percentile(values, (50, 90, 99, 100))).tolist()
        found.append(GatewayLoad(kind, rate, len(values), failed[kind], p50, p90, p99, top, busy))
    return found
