"""Workers that end in the middle of a stream, in all the ways they can, and those that go on: exactly once."""

import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import confluent_kafka
import pytest

from stream.processes.broker import Broker
from stream.processes.servers import WorkerProcess
from stream.records.codec import encode
from stream.records.schemas import Event, Outcome, Recommendation
from stream.records.topics import EVENT_TOPICS, OUTCOMES, RECOMMENDATIONS
from tests.support.kafka_site import Folded, Site, event, read, until, walk

pytestmark = pytest.mark.kafka
RATE = 500.0  # events per second
START_S = 60.0
AWAY_S = 60.0
MOST_LINES = 500  # of a worker's log in an outage


class Stream:
    """Sends events at `RATE` from a thread until it is stopped.

    Parameters
    ----------
    name : of the users and events, unique per site
    """

    def __init__(self, site: Site, name: str, users: int = 40) -> None:
        self.site = site
        self.sent: list[str] = []  # event ids
        self._events = walk(name, users, 60_000)
        self._producer = confluent_kafka.Producer(  # kafka-python leaves sockets behind while a broker is away
            {
                "bootstrap.servers": site.config.kafka.broker,
                "partitioner": "murmur2_random",
                "linger.ms": 2,
                "log_level": 2,
            }
        )
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Stream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop sending; return when Kafka has everything."""
        self._end.set()
        self._thread.join(10)
        assert self._producer.flush(60) == 0

    def _run(self) -> None:
        started = time.monotonic()
        for n, (kind, record) in enumerate(self._events):
            self._end.wait(max(0.0, started + n / RATE - time.monotonic()))
            if self._end.is_set():
                return
            record = now(record)
            self._producer.produce(self.site.name(EVENT_TOPICS[kind]), encode(record), record.user_id.encode())
            self._producer.poll(0)
            self.sent.append(record.event_id)


def now(record: Event) -> Event:
    """The event, as if it happened now."""
    return event(record.user_id, record.item_id, record.event_id)


def exactly_once(site: Site, sent: list[str], within_s: float = 60.0) -> Folded:
    """The whole log, once it holds everything that was sent: each event once, no matter who was killed when."""
    log = site.learned(sent, within_s)
    log.check()
    assert len(log.events) == len(set(sent)) == sum(log.events.values())
    published = {slate.decision_id for slate in read(site.records(RECOMMENDATIONS), Recommendation)}
    assert log.decisions.keys() <= published  # the broker had every slate before the log had its decision
    outcomes = read(site.records(OUTCOMES), Outcome)
    assert {outcome.decision_id for outcome in outcomes} <= log.settled.keys()
    assert len({encode(outcome) for outcome in outcomes}) == len({outcome.decision_id for outcome in outcomes})
    return log


class FaustProcess(WorkerProcess):
    """The same worker, started by Faust's own command."""

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "faust", "-A", "stream.app", "worker", "--loglevel", "info"]


@pytest.fixture
def site(broker: Broker, namespace: str) -> Iterator[Site]:
    site = Site(broker.address, namespace.rstrip("."))
    yield site
    site.close()


def test_nothing_is_lost_or_taken_twice_when_workers_end(site: Site, tmp_path: Path) -> None:
    """SIGTERM, then twice `kill -9`, each in the middle of a stream; the last worker is started by `faust`."""
    old = [f"old.{n}" for n in range(3)]
    site.send(*(("view", event("old", f"item-{name}", name)) for name in old))
    with Stream(site, "stream") as stream:
        for n, end in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGKILL)):
            output = tmp_path / f"{n}.log"
            with WorkerProcess(site.config, output) as worker:
                worker.wait_ready(START_S)
                until(lambda: worker.metrics()["headwater_events_total"] > RATE, "a second's events")
                started = time.monotonic()
                code = worker.stop(end)
            assert time.monotonic() - started < 10
            assert code == (0 if end == signal.SIGTERM else 128 + signal.SIGKILL), output.read_text()[-3000:]
            assert "Traceback" not in output.read_text()
        with FaustProcess(site.config, tmp_path / "last.log") as worker:
            worker.wait_ready(START_S)
            stream.end()
            exactly_once(site, [*stream.sent, *old])
            site.send(("view", event("old", "first-0", "old.again")))
            site.slate("old.again")
            log = site.learned(["old.again"])
            assert worker.stop() == 0
    assert log.recent["old.again"] == ["item-old.2", "item-old.1", "item-old.0"]
    assert set(log.offered["old.again"]) == {"first-0", *log.recent["old.again"]}


def test_a_broker_that_dies_and_comes_back(needs_kafka: None, tmp_path: Path) -> None:
    """The worker goes on by itself."""
    with outage(tmp_path) as (broker, worker):
        broker.kill()
        time.sleep(3)
        broker.start()
        assert worker.exit_code is None


def test_a_full_disk_ends_the_broker_for_a_minute(needs_kafka: None, tmp_path: Path) -> None:
    """A limit on the size of files makes Kafka's writes fail as a full disk does, and needs no disk to be filled."""
    with outage(tmp_path) as (broker, worker):
        resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        until(lambda: not Path(f"/proc/{broker.pid}").exists(), "the broker's end")
        time.sleep(AWAY_S)
        assert worker.exit_code is None
        broker.stop()
        broker.start()


@contextmanager
def outage(tmp_path: Path) -> Iterator[tuple[Broker, WorkerProcess]]:
    """A broker that may end within the block but runs after it; then all of a stream must have happened once."""
    output = tmp_path / "worker.log"
    with (
        Broker() as broker, closing(Site(broker.address, "outage")) as site, Stream(site, "stream") as stream,
        WorkerProcess(site.config, output) as worker,
    ):  # fmt: skip
        worker.wait_ready(START_S)
        until(lambda: worker.metrics()["headwater_events_total"] > RATE, "a second's events")
        yield broker, worker
        time.sleep(3)
        stream.end()
        exactly_once(site, stream.sent)
        assert worker.stop() == 0
        assert output.read_text().count("\n") < MOST_LINES, output.read_text()[:3000]
