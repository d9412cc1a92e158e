"""The demo: MovieLens through a real Kafka and a real worker, with everything measured from outside.

1. a broker, topics, a worker and the catalogue, all of its own
2. history: the oldest ratings, quickly, at their own times
3. live: the later ones as if their users were online now, each in the user's own order
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
HISTORY_RATE = 2_500.0  # events/s that a worker answers without a backlog, sharing two cores with all the rest
CATCH_UP_S = 20.0  # for the worker to learn the rest of the history
LAST_SLATES_S = 1.0  # to come back when the last event was sent
STOP_S = 4.0  # for that, and to end worker and broker
CHECK_INTERVAL_S = 0.04  # between two looks at the recommendations
FRAME_S = 0.5  # between two pictures
METRICS_S = 3.0  # between two looks at the worker's metrics
FETCH: dict[str, Any] = {"fetch_min_bytes": 32 * 1024, "fetch_max_wait_ms": 50}  # the clocks that measure are elsewhere
MOCK_FETCH = {"fetch_max_wait_ms": 5}  # it answers late, and with one batch of each partition
MOCK_RATE = 100.0  # events/s: what it hands out so, before it drops the oldest records

Metrics = dict[str, float]
Tell = Callable[[str], None]


class Frame(NamedTuple):
    """All that a picture shows."""

    kafka: str  # what it went through
    console: str  # its address, empty without one
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
        """Mean reward of the slates that an event answered in the live part."""
        answered = (self.gained(f'headwater_decisions_settled_total{{outcome="{name}"}}') for name in ("hit", "miss"))
        return self.gained("headwater_reward_total") / max(1.0, sum(answered))

    def gained(self, metric: str) -> float:
        """What a counter of the worker has gained in the live part."""
        return self.now.get(metric, 0.0) - self.before.get(metric, 0.0)


Show = Callable[[Frame], None]


class Play:
    """Sends, reads and measures, all in one thread: between two events there is time to look.

    Parameters
    ----------
    kafka : what it goes through, in words
    console : where the console is
    log : of the worker
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
        self._end = self._done = float("inf")  # when to stop sending, and when that was

    def history(self, events: list[Rating]) -> None:
        """Send events at their own times, then wait until the worker has learned them."""
        self._begin("history", float("inf"))
        self._send(events, HISTORY_RATE)
        self._wait_for_worker(CATCH_UP_S)

    def live(self, events: Iterable[Rating], rate: float, end: float) -> None:
        """Send events as of now, until that monotonic time, and measure what becomes of them."""
        self._begin("live", end)
        self.before = self.now
        self.score.live = True
        current = ((kind, msgspec.structs.replace(event, timestamp=time.time())) for kind, event in events)
        self._send(current, rate)
        self._wait_for_worker(LAST_SLATES_S)

    def frame(self) -> Frame:
        """What there is to show now."""
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
        """Look on until the worker has taken in everything sent so far."""
        patience = time.monotonic() + within_s
        while self.now.get("headwater_events_total", 0.0) < self.sender.events and time.monotonic() < patience:
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
            raise CheckError(f"the worker ended with exit code {self.worker.exit_code}; it said:\n{said}")


def run(config: Config, seconds: float, rate: float, show: Show, tell: Tell, folder: Path = FOLDER) -> Frame:
    """Play the demo and return its last picture; then nothing is left running, and no data are left behind.

    Parameters
    ----------
    seconds : from start to end, all told; but half of them at least, once the worker is ready
    rate : events per second of the live part
    show : called with every picture
    tell : called with a sentence on what is being prepared
    """
    started = time.monotonic()
    data = load(folder)
    with ExitStack() as stack:
        config = _cluster(config, stack, tell)
        mock = config.kafka.mock
        log = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headwater-demo-"))) / "worker.log"
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
