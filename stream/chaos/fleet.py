"""Faults: drawn from a seed, injected into workers and the broker, with the time that each recovery took."""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import msgspec
from msgspec import Struct

from stream.config import Config
from stream.errors import CheckError
from stream.processes.broker import Broker
from stream.processes.servers import WorkerProcess

READY_S = 180.0  # for all workers to serve at the end
END_S = 20.0  # from SIGTERM to the end of a worker
KILL, END, LONG_STOP, SHORT_STOP = "kill -9", "SIGTERM", "SIGSTOP, long", "SIGSTOP, short"
BEFORE = (128 + signal.SIGKILL, 128 + signal.SIGTERM)  # exit codes of a worker that was killed, or had not begun
BROKER, BY_ITSELF = "broker: kill -9", "ended by itself"

Report = Callable[[str], None]


class Settings(NamedTuple):
    """Settings of a run."""

    seed: int = 1
    seconds: float = 60.0  # of faults
    workers: int = 3
    rate: float = 1000.0  # events per second
    requests: float = 50.0  # per second
    static: bool = False  # membership of the workers in the group


class Fault(NamedTuple):
    """One fault of a worker, or of the broker."""

    gap_s: float  # after the last one was over
    kind: str
    length_s: float  # how long it is stopped, or gone


class Plan(NamedTuple):
    """All faults of a run."""

    workers: list[list[Fault]]  # each worker's, one after the other
    broker: Fault | None = None


def plan(settings: Settings, session_timeout_s: float) -> Plan:
    """Draw the faults; a run of two minutes or more kills the broker, once.

    >>> plan(Settings(seed=1), 6.0).workers[0][0]._replace(gap_s=0.0, length_s=0.0)
    Fault(gap_s=0.0, kind='kill -9', length_s=0.0)
    """
    rng = random.Random(f"{settings.seed}/chaos")
    longer = (session_timeout_s + 2, session_timeout_s + 6)
    lengths = {KILL: (0, 10), END: (0, 10), SHORT_STOP: (0.5, 4), LONG_STOP: longer}

    def faults() -> list[Fault]:
        kinds = (kind for _ in range(int(settings.seconds)) for kind in rng.sample(sorted(lengths), len(lengths)))
        return [Fault(rng.uniform(3, 40), kind, rng.uniform(*lengths[kind])) for kind in kinds]

    workers = [faults() for _ in range(settings.workers)]
    at = settings.seconds * rng.uniform(0.3, 0.6)
    return Plan(workers, Fault(at, BROKER, rng.uniform(0, 5)) if settings.seconds >= 120 else None)


class Incident(Struct):
    """A fault as it happened; unix seconds."""

    kind: str
    at: float
    over: float = 0.0
    recovery_s: float | None = None  # from the start of the worker until it served
    worker: int | None = None

    @property
    def name(self) -> str:
        """What happened to whom."""
        return self.kind if self.worker is None else f"{self.worker}: {self.kind}"


def _of(config: Config, n: int) -> Config:
    kafka = msgspec.structs.replace(config.kafka, instance_id=f"worker-{n}")
    return msgspec.structs.replace(config, kafka=kafka)


class Fleet:
    """The workers, and the faults injected into them."""

    def __init__(self, config: Config, settings: Settings, report: Report, logs: Path | None) -> None:
        self.workers = [
            WorkerProcess(_of(config, n) if settings.static else config, logs and logs / f"worker-{n}.log")
            for n in range(settings.workers)
        ]
        self.report, self.session_timeout_s = report, config.kafka.session_timeout_s
        self.incidents: list[Incident] = []
        self.remarks: list[str] = []
        self.ending = asyncio.Event()
        self._watches: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        try:
            for worker in self.workers:
                worker.start()
            for worker in self.workers:
                worker.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill(signal.SIGKILL)
        for worker in self.workers:
            worker.stop(signal.SIGKILL)

    async def inject_faults(self, n: int, faults: Sequence[Fault]) -> None:
        """Inject one worker's faults until the end; restart it whenever it has ended."""
        for fault in faults:
            await self._watch_over(n, fault.gap_s)
            if self.ending.is_set():
                return
            incident = self._happens(n, fault.kind)
            if fault.kind in (KILL, END):
                await self._end(n, fault.kind)
                await self._pause(fault.length_s)
                await self._start(n, incident)
            else:
                self.workers[n].kill(signal.SIGSTOP)
                await self._pause(fault.length_s)
                self.workers[n].kill(signal.SIGCONT)
                incident.over = time.time()

    async def restart(self, broker: Broker, fault: Fault) -> None:
        """Kill the broker and start it again."""
        if await self._pause(fault.gap_s):
            incident = self._happens(None, fault.kind)
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(fault.length_s)
            await asyncio.to_thread(broker.start)
            incident.over = time.time()

    async def serve(self) -> None:
        """Restart workers that have ended by themselves; return when all workers serve."""
        deadline = time.monotonic() + READY_S
        while not all([await self._ready(n) for n in range(len(self.workers))]):
            for n in range(len(self.workers)):
                await self._watch_over(n, 0.0)
            if time.monotonic() > deadline:
                reasons = [worker.page("/readyz")[1] for worker in self.workers]
                raise CheckError(f"workers must serve {READY_S:.0f} s after the last fault: {reasons}")
            await asyncio.sleep(0.2)

    async def end(self) -> None:
        """End all workers in good order."""
        await asyncio.gather(*(self._end(n, END) for n in range(len(self.workers))))
        for watch in self._watches:
            watch.cancel()

    def _happens(self, n: int | None, kind: str) -> Incident:
        incident = Incident(kind, time.time(), worker=n)
        self.incidents.append(incident)
        self.report(kind if n is None else f"worker {n}: {kind}")
        return incident

    async def _pause(self, seconds: float) -> bool:
        """Wait; whether the faults go on."""
        try:
            await asyncio.wait_for(self.ending.wait(), seconds)
        except TimeoutError:
            return True
        return False

    async def _watch_over(self, n: int, seconds: float) -> None:
        """Wait; a worker that ends by itself is started again, as a supervisor would."""
        deadline, worker = time.monotonic() + seconds, self.workers[n]
        while True:
            if worker.exit_code is not None:
                incident = self._happens(n, BY_ITSELF)
                self.remarks.append(f"worker {n} ended by itself with exit code {worker.exit_code}")
                await self._start(n, incident)
            left = deadline - time.monotonic()
            if left <= 0 or not await self._pause(min(left, 0.2)):
                return

    async def _end(self, n: int, kind: str) -> None:
        worker, deadline = self.workers[n], time.monotonic() + END_S
        worker.kill(signal.SIGKILL if kind == KILL else signal.SIGTERM)
        while worker.exit_code is None and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        if worker.exit_code is None:
            self.remarks.append(f"worker {n} did not end within {END_S:.0f} s after {kind}")
            await asyncio.to_thread(worker.stop, signal.SIGKILL)
        if kind == END and worker.exit_code not in (0, *BEFORE):
            self.remarks.append(f"worker {n} ended with exit code {worker.exit_code} after SIGTERM")

    async def _start(self, n: int, incident: Incident) -> None:
        worker = self.workers[n]
        await asyncio.to_thread(worker.stop)  # closes its pipes
        await asyncio.to_thread(worker.start)
        incident.over = time.time()
        watch = asyncio.create_task(self._recover(n, incident))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _recover(self, n: int, incident: Incident) -> None:
        """Measure how long it takes until a worker serves, if it does before it is killed again."""
        worker, pid = self.workers[n], self.workers[n].pid
        while worker.pid == pid and worker.exit_code is None:
            if await self._ready(n) and worker.pid == pid:
                incident.recovery_s = time.time() - incident.over
                return
            await asyncio.sleep(0.2)

    async def _ready(self, n: int) -> bool:
        return (await asyncio.to_thread(self.workers[n].page, "/readyz"))[0] == 200
