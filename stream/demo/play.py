"""The demo: MovieLens through a real Kafka and a real worker, measured from outside.

1. start a broker, topics and a worker, and send the catalogue
2. history: the oldest ratings, quickly, with their own timestamps
3. live: the later ones as if their users were online now, each user's in order
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stream.client.producer import Pace, Sender, paced
from stream.client.slates import Titles
from stream.client.watch import Watcher
from stream.compiling.children import Compilation
from stream.config import Config
from stream.demo.data import FOLDER, Rating, load
from stream.demo.score import Score
from stream.errors import CheckError
from stream.kafka.admin import create_or_verify
from stream.processes.broker import Broker, kafka_available, port_is_free
from stream.processes.kafka_home import last_lines
from stream.processes.mock_broker import MockBroker
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.topics import TOPICS, prefixed

NAMESPACE = "demo"
HISTORY_RATE = 2_500.0  # events/s that a worker answers without a backlog when all share two cores
CATCH_UP_S = 20.0  # for the worker to learn the rest of the history
LAST_SLATES_S = 1.0  # for slates to come back after the last event
STOP_S = 4.0  # for that, and to end worker and broker
CHECK_INTERVAL_S = 0.04  # between two polls of the recommendations
FRAME_S = 0.5  # between two pictures
METRICS_S = 3.0  # between two reads of the worker's metrics
FETCH: dict[str, Any] = {
    "fetch_min_bytes": 32 * 1024,
    "fetch_max_wait_ms": 50,
}  # latency is of timestamps
MOCK_FETCH = {"fetch_max_wait_ms": 5}  # the mock answers late, and with one batch per partition
MOCK_RATE = 100.0  # events/s that the mock delivers so; beyond, it drops the oldest records

Metrics = dict[str, float]
Tell = Callable[[str], None]


class Frame(NamedTuple):
    """The contents of one picture."""

    kafka: str  # real or a mock, in words
    console: str  # its address; empty without one
    phase: str  # "history" or "live"
    elapsed_s: float  # of the phase
    left_s: float  # until the end
    sent: int  # events of the phase
    score: Score
    titles: Titles
    before: Metrics  # of the worker, when the live part began
    now: Metrics

    @property
    def rate(self) -> float:
        """Events per second of the phase."""
        return self.sent / max(0.001, self.elapsed_s)

    @property
    def reward(self) -> float:
        """Mean reward of the slates that were answered by an event in the live part."""
        answered = (self.gained(f'headwater_decisions_settled_total{{outcome="{name}"}}') for name in ("hit", "miss"))
        return self.gained("headwater_reward_total") / max(1.0, sum(answered))

    def gained(self, metric: str) -> float:
        """Growth of a counter of the worker in the live part."""
        return self.now.get(metric, 0.0) - self.before.get(metric, 0.0)


Show = Callable[[Frame], None]


class Play:
    """Sends, reads and measures in one thread: between two events it polls.

    Parameters
    ----------
    kafka : real or a mock, in words
    console : address of the console
    log : file of the worker's log
    show : called with every picture
    """

    def __init__(
        self, kafka: str, console: str, sender: Sender, watcher: Watcher, worker: WorkerProcess, log: Path, show: Show
    ) -> None:
        self.kafka, self.console, self.sender, self.watcher = kafka, console, sender, watcher
        self.worker, self.show = worker, show
        self.log = log
        self.score = Score()
        self.before: Metrics = {}
        self.now: Metrics = {}
        self.phase, self.sent = "", 0
        self._begun = self._measured_at = self._shown_at = self._looked_at = time.monotonic()
        self._end = self._done = float("inf")  # when to stop sending, and when sending stopped

    def history(self, events: list[Rating]) -> None:
        """Send events at their own times, then wait until the worker has learned them."""
        self._begin("history", float("inf"))
        self._send(events, HISTORY_RATE)
        self._wait_for_worker(CATCH_UP_S)

    def live(self, events: Iterable[Rating], rate: float, end: float) -> None:
        """Send events dated now, until the monotonic time `end`, and measure the answers."""
        self._begin("live", end)
        self.before = self.now
        self.score.live = True
        current = ((kind, msgspec.structs.replace(event, timestamp=time.time())) for kind, event in events)
        self._send(current, rate)
        self._wait_for_worker(LAST_SLATES_S)

    def frame(self) -> Frame:
        """The picture of this moment."""
        now = time.monotonic()
        elapsed, left = min(now, self._done) - self._begun, max(0.0, self._end - now)
        return Frame(
            self.kafka,
            self.console,
            self.phase,
            elapsed,
            left,
            self.sent,
            self.score,
            self.watcher.titles,
            self.before,
            self.now,
        )

    def _begin(self, phase: str, end: float) -> None:
        self.phase, self.sent, self._end = phase, 0, end
        self.now = self.worker.metrics()
        self._begun, self._done = time.monotonic(), float("inf")

    def _send(self, events: Iterable[Rating], rate: float) -> None:
        for kind, event in paced(events, Pace(rate=rate)):
            if time.monotonic() >= self._end:
                break
            self.score.sent(kind, event, self.watcher.slates, time.time())
            self.sender.event(kind, event)
            self.sent += 1
            if time.monotonic() - self._looked_at >= CHECK_INTERVAL_S:
                self._look(METRICS_S)
        self.sender.flush()
        self._done = time.monotonic()

    def _wait_for_worker(self, within_s: float) -> None:
        """Poll until the worker has taken in everything sent so far."""
        deadline = time.monotonic() + within_s
        while self.now.get("headwater_events_total", 0.0) < self.sender.events and time.monotonic() < deadline:
            time.sleep(CHECK_INTERVAL_S)
            self._look(METRICS_S / 10)

    def _look(self, metrics_s: float) -> None:
        for refresh in self.watcher.poll(timeout_ms=0):
            self.score.arrived(refresh)
        now = time.monotonic()
        if now - self._measured_at >= metrics_s:
            self._check_worker()
            self.now, self._measured_at = self.worker.metrics() or self.now, now
        if now - self._shown_at >= FRAME_S:
            self.show(self.frame())
            self._shown_at = now
        self._looked_at = time.monotonic()

    def _check_worker(self) -> None:
        if self.worker.exit_code is not None:
            lines = self.log.read_text("utf-8", "replace").splitlines()
            said = last_lines("\n".join(line for line in lines if "[INFO]" not in line))
            raise CheckError(f"the worker ended with exit code {self.worker.exit_code}; it logged:\n{said}")


def run(config: Config, seconds: float, rate: float, show: Show, tell: Tell, folder: Path = FOLDER) -> Frame:
    """Play the demo and return its last picture; no process and no data are left behind.

    Parameters
    ----------
    seconds : from start to end; but the part after the worker is ready takes at least half of them
    rate : events per second of the live part
    show : called with every picture
    tell : called with a sentence on each step of the preparation
    """
    started = time.monotonic()
    data = load(folder)
    with ExitStack() as stack:
        compilation = stack.enter_context(Compilation(config))  # while Kafka is fetched and starts
        config = _cluster(config, stack, tell)
        mock = config.kafka.mock
        log = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headwater-demo-"))) / "worker.log"
        compilation.wait(tell)
        worker = stack.enter_context(WorkerProcess(config, log))
        sender = stack.enter_context(Sender(config.kafka))
        tell(f"sending {len(data.films):,} films to the catalogue, starting a worker")
        for film in data.films:
            sender.item(film)
        sender.flush()
        watcher = stack.enter_context(closing(Watcher(config.kafka, **(MOCK_FETCH if mock else FETCH))))
        worker.wait_ready()
        console = "" if mock else _console(config, worker, stack, tell)
        ready = time.monotonic()
        play = Play("a mock of Kafka" if mock else "Apache Kafka", console, sender, watcher, worker, log, show)
        play.history(data.history)
        play.live(
            data.live, min(rate, MOCK_RATE) if mock else rate, max(started + seconds - STOP_S, ready + seconds / 2)
        )
        return play.frame()


def _console(config: Config, worker: WorkerProcess, stack: ExitStack, tell: Tell) -> str:
    """Start a gateway; returns the address of its console."""
    port = config.gateway.port if port_is_free(config.gateway.port) else None
    gateway = stack.enter_context(GatewayProcess(config, port=port, workers=worker.pages))
    gateway.wait_ready()
    tell(f"open {gateway.pages} in a browser and be a shopper yourself")
    return gateway.pages


def _cluster(config: Config, stack: ExitStack, tell: Tell) -> Config:
    """Start a cluster with all topics; returns the settings for it."""
    reason = kafka_available()
    if reason is None:
        tell("starting Apache Kafka on this machine (the first time, Maven fetches it)")
        config = _at(config, broker=stack.enter_context(Broker()).address)
        create_or_verify(config.kafka)
        return config
    tell(
        f"no real Kafka here: {reason}. librdkafka's mock cluster stands in: in memory, without compaction and "
        f"retention, and slow, so at most {MOCK_RATE:.0f} events/s; the loop and its learning are the same"
    )
    mock = stack.enter_context(MockBroker())
    for topic in TOPICS:
        mock.create_topic(prefixed(NAMESPACE, topic), topic.partitions or config.kafka.partitions)
    return _at(config, broker=mock.address, mock=True)


def _at(config: Config, **changes: str | bool) -> Config:
    kafka = msgspec.structs.replace(config.kafka, namespace=NAMESPACE, **changes)
    return msgspec.structs.replace(config, kafka=kafka)
