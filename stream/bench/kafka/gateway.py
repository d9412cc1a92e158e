"""Speed of a gateway on this machine: requests at fixed rates, beside broker, worker and meter.

A request's time runs from when it was due, not from when it was sent: while a gateway stalls, what waits counts too
(coordinated omission).
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import aiohttp
import msgspec
import numpy as np

from stream.bench.kafka.load import prepared, producer_of, send
from stream.bench.workloads import workload
from stream.config import Config
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.codec import encode
from stream.records.schemas import Event, EventType
from stream.records.topics import EVENT_TOPICS, prefixed

USERS = 2_000  # who have a slate
HISTORY = 10_000  # events before
MIX: Mapping[str, float] = {"read": 0.9, "write": 0.1}  # shares of the requests
SLATES: Mapping[str, float] = {"seen": 0.5, "asked": 0.5}  # made for an event, and for a request
SLATES_RATE = 100.0
DEADLINE_MS = 5_000
JSON = {"Content-Type": "application/json"}
TICK_S = 0.002
TIMEOUT_S = 10.0
CONNECTIONS = 100
DRAIN_TIMEOUT_S = 3.0


class GatewayLoad(NamedTuple):
    """One kind of request at one rate, in milliseconds from when it was due."""

    requests: str
    rate: float  # all requests per second
    answered: int
    failed: int  # refused, timed out, or not what was asked for
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    gateway_cpu: float  # share of one core


async def measure_gateway(config: Config, rates: tuple[float, ...], seconds: float) -> list[GatewayLoad]:
    """Make slates for some users, then read and write at each of the rates; then have slates made."""
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
        await asyncio.sleep(DRAIN_TIMEOUT_S)
        found += await _load(process, SLATES_RATE, seconds, SLATES)
    return found


class _Caller:
    """Sends requests of each kind, by the name of its method; each says whether it was answered as it should be."""

    def __init__(
        self, client: aiohttp.ClientSession, events: Iterator[tuple[EventType, Event]], rng: random.Random
    ) -> None:
        self._client, self._events, self._rng = client, events, rng

    async def read(self, user: str = "", query: str = "?k=20") -> dict[str, Any] | None:
        """Read a slate."""
        user = user or self._user()
        async with self._client.get(f"/v1/users/{user}/recommendations{query}") as answer:
            body = await answer.read()
            return (msgspec.json.decode(body) if "after=" in query else {}) if answer.status == 200 else None

    async def write(self) -> Event | None:
        """Write an event."""
        type_, event = next(self._events)
        event = msgspec.structs.replace(event, type=type_, timestamp=time.time())
        async with self._client.post("/v1/events", data=encode(event), headers=JSON) as answer:
            await answer.read()
            return event if answer.status == 200 else None

    async def seen(self) -> bool | None:
        """Write an event, and read the slate that it causes."""
        event = await self.write()
        found = event and await self.read(event.user_id, f"?k=20&after={event.event_id}")
        return True if found and found["after"]["known"] else None

    async def asked(self) -> bool | None:
        """Have a slate made."""
        body = msgspec.json.encode({"user_id": self._user(), "k": 20, "deadline_ms": DEADLINE_MS})
        async with self._client.post("/v1/recommendations", data=body, headers=JSON) as answer:
            found = await answer.read()
            return True if answer.status == 200 and msgspec.json.decode(found)["status"] == "fresh" else None

    def _user(self) -> str:
        return f"u{self._rng.randrange(USERS)}"


async def _load(
    process: GatewayProcess, rate: float, seconds: float, mix: Mapping[str, float] = MIX
) -> list[GatewayLoad]:
    """Requests at a rate, of the kinds of `mix`, by their shares."""
    rng = random.Random(f"headwater/bench/gateway/{rate}")
    took: dict[str, list[float]] = {kind: [] for kind in mix}
    failed: Counter[str] = Counter()
    kinds = rng.choices(list(mix), list(mix.values()), k=int(rate * seconds))
    events = workload(len(kinds), f"gateway-{'-'.join(mix)}-{rate}", users=USERS)
    cpu, started = process.metrics()["process_cpu_seconds_total"], time.perf_counter()
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(
        process.pages, timeout=timeout, connector=aiohttp.TCPConnector(limit=CONNECTIONS)
    ) as client:
        caller = _Caller(client, iter(events), rng)

        async def ask(kind: str, due: float) -> None:
            try:
                found = await getattr(caller, kind)()
                failed[kind] += found is None
            except (aiohttp.ClientError, TimeoutError):
                failed[kind] += 1
            took[kind].append(time.perf_counter() - due)

        tasks: list[asyncio.Task[None]] = []
        for n, kind in enumerate(kinds):
            due = started + n / rate
            while (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(min(wait, TICK_S))
            tasks.append(asyncio.create_task(ask(kind, due)))
        await asyncio.gather(*tasks)
    elapsed = time.perf_counter() - started
    busy = (process.metrics()["process_cpu_seconds_total"] - cpu) / elapsed
    found = []
    for kind, values in took.items():
        p50, p90, p99, top = (1e3 * np.percentile(values, (50, 90, 99, 100))).tolist()
        found.append(GatewayLoad(kind, rate, len(values), failed[kind], p50, p90, p99, top, busy))
    return found
