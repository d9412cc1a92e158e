"""Speed of a gateway on this machine: requests at fixed rates, beside broker, worker and meter.

A request's time runs from when it was due, not from when it was sent: while a gateway stalls, what waits counts too
(coordinated omission).
"""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

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
REFUSALS = (429, 503)
JSON = {"Content-Type": "application/json"}
TICK_S = 0.002
TIMEOUT_S = 10.0
CONNECTIONS = 1_000  # of many clients: requests that wait for their slates must not keep others from being sent
DRAIN_TIMEOUT_S = 3.0
OVERLOAD = 2.0  # times the rate, between two times at the rate itself


class GatewayLoad(NamedTuple):
    """One kind of request at one rate, in milliseconds from when it was due."""

    requests: str
    rate: float  # all requests per second
    answered: int
    failed: int  # refused, timed out, or not what was asked for
    refused: int  # of these: at once, by 429 or 503, or by the last slate in place of a new one
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    gateway_cpu: float  # share of one core
    sent_late_p99_ms: float  # how late the meter itself was: if that is much, it is the limit
    recovered_s: float | None = None  # after twice the rate, until the median was within the p99 from before


class Phase(NamedTuple):
    """So many requests per second for so long."""

    rate: float
    seconds: float


async def measure_gateway(
    config: Config, rates: tuple[float, ...], seconds: float, asked: float = 0.0
) -> list[GatewayLoad]:
    """Make slates for some users, then read and write at each of the rates; then have slates made.

    Parameters
    ----------
    asked : instead, beside reads at each of the rates, so many requests for new slates a second; and then twice both,
        and then as before
    """
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
            if asked:
                found += await _overload(process, {"read": rate, "asked": asked}, seconds)
            else:
                found += await _load(process, rate, seconds)
        if not asked:
            await asyncio.sleep(DRAIN_TIMEOUT_S)
            found += await _load(process, SLATES_RATE, seconds, SLATES)
    return found


class _Caller:
    """Sends requests of each kind, by the name of its method.

    Each returns None if it was not answered as it should be, False if it was refused.
    """

    def __init__(
        self, client: aiohttp.ClientSession, events: Iterator[tuple[EventType, Event]], rng: random.Random
    ) -> None:
        self._client, self._events, self._rng = client, events, rng

    async def read(self, user: str = "", query: str = "?k=20") -> dict[str, Any] | Literal[False] | None:
        """Read a slate."""
        user = user or self._user()
        async with self._client.get(f"/v1/users/{user}/recommendations{query}") as answer:
            body = await answer.read()
            if answer.status in REFUSALS:
                return False
            return (msgspec.json.decode(body) if "after=" in query else {}) if answer.status == 200 else None

    async def write(self) -> Event | Literal[False] | None:
        """Write an event."""
        type_, event = next(self._events)
        event = msgspec.structs.replace(event, type=type_, timestamp=time.time())
        async with self._client.post("/v1/events", data=encode(event), headers=JSON) as answer:
            await answer.read()
            return False if answer.status in REFUSALS else event if answer.status == 200 else None

    async def seen(self) -> bool | None:
        """Write an event, and read the slate that it causes."""
        event = await self.write()
        if event is None or event is False:
            return event
        found = await self.read(event.user_id, f"?k=20&after={event.event_id}")
        if found is None or found is False:
            return found
        return True if found["after"]["known"] else None

    async def asked(self) -> bool | None:
        """Have a slate made."""
        body = msgspec.json.encode({"user_id": self._user(), "k": 20, "deadline_ms": DEADLINE_MS})
        async with self._client.post("/v1/recommendations", data=body, headers=JSON) as answer:
            found = await answer.read()
            if answer.status != 200:
                return False if answer.status in REFUSALS else None
            return {"fresh": True, "last": False}.get(msgspec.json.decode(found)["status"])

    def _user(self) -> str:
        return f"u{self._rng.randrange(USERS)}"


async def _load(
    process: GatewayProcess, rate: float, seconds: float, mix: Mapping[str, float] = MIX
) -> list[GatewayLoad]:
    """Requests at a rate, of the kinds of `mix`, by their shares."""
    (found,) = await _play(process, [Phase(rate, seconds)], mix)
    return [each.load() for each in found]


async def _overload(process: GatewayProcess, mix: Mapping[str, float], seconds: float) -> list[GatewayLoad]:
    """Requests of each kind at its rate, at `OVERLOAD` times that, and at its rate again, without a rest between."""
    rate = sum(mix.values())
    before, over, after = await _play(
        process, [Phase(rate, seconds), Phase(OVERLOAD * rate, seconds), Phase(rate, seconds)], mix
    )
    return [
        *(each.load() for each in (*before, *over)),
        *(last.load()._replace(recovered_s=last.recovered_s(first)) for first, last in zip(before, after, strict=True)),
    ]


class _Sample:
    """The requests of one kind in one phase."""

    def __init__(self, kind: str, phase: Phase) -> None:
        self.kind, self.phase = kind, phase
        self.due, self.took_s = list[float](), list[float]()  # since the phase began; from then until the answer
        self.sent_late_s = list[float]()
        self.failed = self.refused = 0
        self.cpu = 0.0

    def add(self, due: float, sent: float, answered: float, found: object) -> None:
        """Take in an answer; seconds since the phase began."""
        self.due.append(due)
        self.took_s.append(answered - due)
        self.sent_late_s.append(sent - due)
        self.failed += found is None or found is False
        self.refused += found is False

    def load(self) -> GatewayLoad:
        """Its measures."""
        p50, p90, p99, top = (1e3 * np.percentile(self.took_s, (50, 90, 99, 100))).tolist()
        late = float(1e3 * np.percentile(self.sent_late_s, 99))
        return GatewayLoad(
            self.kind, self.phase.rate, len(self.due), self.failed, self.refused, p50, p90, p99, top, self.cpu, late
        )

    def recovered_s(self, before: "_Sample") -> float:
        """Seconds until the median of each second is within the p99 of another phase, for good."""
        limit, seconds, took = np.percentile(before.took_s, 99), np.array(self.due).astype(int), np.array(self.took_s)
        slow = [n for n in range(int(seconds.max()) + 1) if np.median(took[seconds == n], keepdims=True)[0] > limit]
        return slow[-1] + 1.0 if slow else 0.0


async def _play(process: GatewayProcess, phases: Sequence[Phase], mix: Mapping[str, float]) -> list[list[_Sample]]:
    """Requests at one rate after the other, whether the ones before have been answered or not."""
    samples = [{kind: _Sample(kind, phase) for kind in mix} for phase in phases]
    looks = [asyncio.create_task(_cpu(process))]
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(
        process.pages, timeout=timeout, connector=aiohttp.TCPConnector(limit=CONNECTIONS)
    ) as client:

        async def ask(caller: _Caller, sample: _Sample, began: float, due: float) -> None:
            sent, found = time.perf_counter(), None
            with suppress(aiohttp.ClientError, TimeoutError):
                found = await getattr(caller, sample.kind)()
            sample.add(due - began, sent - began, time.perf_counter() - began, found)

        tasks: list[asyncio.Task[None]] = []
        await looks[0]
        started = time.perf_counter()
        for phase, of_phase in zip(phases, samples, strict=True):
            rng = random.Random(f"headwater/bench/gateway/{phase.rate}")
            kinds = rng.choices(list(mix), list(mix.values()), k=int(phase.rate * phase.seconds))
            events = workload(len(kinds), f"gateway-{'-'.join(mix)}-{len(looks)}-{phase.rate}", users=USERS)
            caller = _Caller(client, iter(events), rng)
            if of_phase is not samples[0]:
                looks.append(asyncio.create_task(_cpu(process)))
            for n, kind in enumerate(kinds):
                due = started + n / phase.rate
                while (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(min(wait, TICK_S))
                tasks.append(asyncio.create_task(ask(caller, of_phase[kind], started, due)))
            started += phase.seconds
        await asyncio.gather(*tasks)
        looks.append(asyncio.create_task(_cpu(process)))
        marks = await asyncio.gather(*looks)
    for (at, cpu), (later, more), of_phase in zip(marks, marks[1:], samples, strict=False):
        for sample in of_phase.values():
            sample.cpu = (more - cpu) / (later - at)
    return [list(of_phase.values()) for of_phase in samples]


async def _cpu(process: GatewayProcess) -> tuple[float, float]:
    """When, and the CPU seconds that the gateway had used."""
    return time.perf_counter(), (await asyncio.to_thread(process.metrics))["process_cpu_seconds_total"]
