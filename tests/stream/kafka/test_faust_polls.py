"""What `faust_polls.py` and `aiokafka_changes.py` override in Faust and aiokafka is what they were written against."""

import ast
import asyncio
import inspect
import threading
import tomllib
from collections.abc import Iterator
from hashlib import blake2b
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import faust
import pytest
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from stream.kafka.faust_polls import PollConsumer, PollSchema, PollThread
from stream.kafka.polls import Poll

ROOT = Path(__file__).resolve().parents[3]
PINNED = ("faust-streaming", "mode-streaming", "aiokafka")

CONSUMER = "faust.transport.consumer:Consumer"
DELEGATE = "faust.transport.consumer:ThreadDelegateConsumer"
DRIVER = "faust.transport.drivers.aiokafka:Consumer"
THREAD = "faust.transport.drivers.aiokafka:AIOKafkaConsumerThread"
CLIENT = "aiokafka.client:AIOKafkaClient"

# Method of the libraries -> digest of its source, and what of ours to look at when it changes.
PINS: dict[str, tuple[str, str]] = {
    f"{CONSUMER}.getmany": (
        "f0f9094d2c19",
        "check that PollConsumer.getmany still does what it does around the records",
    ),
    f"{CONSUMER}._wait_next_records": ("86307ff62342", "check what PollConsumer.getmany gets from it"),
    f"{CONSUMER}._drain_messages": (
        "a70c337363b8",
        "check what PollConsumer._drain_messages leaves out, and what ends it",
    ),
    f"{CONSUMER}.track_message": (
        "e943701b1e09",
        "check that _unacked_messages is still where PollConsumer.ack takes messages out",
    ),
    f"{CONSUMER}.ack": ("9158ea144def", "check the book-keeping that PollConsumer.ack does instead"),
    f"{CONSUMER}.wait_empty": ("31d397736ea4", "check what it waits for, see PollConsumer.ack"),
    f"{CONSUMER}._clean_unacked_messages": ("87a92e8e8d87", "check PollConsumer.ack"),
    f"{CONSUMER}._filter_tps_with_pending_acks": (
        "26351fe877d9",
        "check that the keys of _acked are still what is committed, see PollConsumer.ack",
    ),
    f"{CONSUMER}._filter_committable_offsets": ("65d4cac06d4b", "check what it asks PollConsumer._new_offset"),
    f"{CONSUMER}._should_commit": (
        "80c4393f8fb4",
        "check that it still refuses to go back, see PollConsumer._new_offset",
    ),
    f"{CONSUMER}._new_offset": ("b0b072fe3fc1", "check PollConsumer._new_offset"),
    f"{CONSUMER}._add_gap": ("1bf6f95e5293", "check PollConsumer._add_gap"),
    f"{CONSUMER}.on_buffer_full": ("b5b15b774e2e", "check PollConsumer.on_buffer_full"),
    f"{CONSUMER}.on_buffer_drop": ("66ccfbc0346b", "check PollConsumer.on_buffer_drop"),
    f"{DRIVER}.verify_event_path": ("c0e554cd9d9e", "check PollConsumer.verify_event_path"),
    f"{CONSUMER}.perform_seek": ("45ac24891917", "check PollConsumer.getmany after a rebalance"),
    f"{DELEGATE}.subscribe": ("9aa53f8c1e80", "check PollConsumer.subscribe"),
    f"{CONSUMER}.on_stop": ("30cf0cd5a359", "check PollConsumer.on_stop"),
    f"{DRIVER}.on_stop": ("743a56303ae1", "check PollConsumer.on_stop"),
    "mode.services:ServiceCallbacks.on_start": ("3e5ade7b8a10", "check PollConsumer.on_start"),
    f"{DELEGATE}._seek": ("6f3921dfa423", "check PollConsumer._seek: does it still reach into the other thread?"),
    "faust.transport.conductor:Conductor._subscriber": (
        "0c7e2854f643",
        "check that it subscribes before anything is assigned, see PollConsumer.subscribe",
    ),
    f"{THREAD}.seek": ("24a146575799", "check PollConsumer._seek"),
    f"{THREAD}._commit": ("624a3017dddf", "check PollThread._commit"),
    "aiokafka.consumer.group_coordinator:GroupCoordinator.ensure_active_group": (
        "39e2ff303c63",
        "check that _performed_join_prepare is still set while joining, see PollThread._commit",
    ),
    "mode.threads:QueueServiceThread.call_thread": ("89568aa91ea3", "check PollConsumer._seek and read_to"),
    f"{THREAD}.getmany": ("902509467d73", "check PollThread.getmany"),
    f"{THREAD}._fetch_records": ("2cb6e45241da", "check PollThread.getmany"),
    f"{CONSUMER}.seek": ("21c2d3986564", "check Positions.seek"),
    f"{DELEGATE}.__init__": ("7860b0e1f4c8", "check where it calls _new_consumer_thread, see PollConsumer"),
    f"{DELEGATE}._new_consumer_thread": ("98de28428c87", "check PollConsumer._new_consumer_thread"),
    f"{DELEGATE}.highwater": ("95d5507780ec", "check PollConsumer._polls"),
    f"{DELEGATE}.earliest_offsets": ("fdf655e996ff", "check Positions.earliest"),
    f"{DELEGATE}.highwaters": ("779692c4d522", "check Positions.latest"),
    f"{DRIVER}._new_consumer_thread": ("b207cfa43dbe", "check PollConsumer._new_consumer_thread"),
    f"{DRIVER}._to_message": ("b6b346f0d8fb", "check that PollConsumer._carry makes a message of the same fields"),
    f"{THREAD}._create_worker_consumer": (
        "ec933babc532",
        "check PollThread._create_worker_consumer and the settings in stream/app.py",
    ),
    f"{THREAD}.highwater": ("d8ff00243bcc", "check PollThread.highwater"),
    f"{THREAD}._highwaters": ("67992dcac979", "check Positions.latest"),
    f"{CLIENT}._metadata_update": (
        "2ea5a833a170",
        "check calm_reconnect: it must return False when no broker answered",
    ),
    f"{CLIENT}._md_synchronizer": ("1447213d7a36", "check calm_reconnect: this is the loop that it slows down"),
    "aiokafka.conn:AIOKafkaConnection.send": ("03fa7b3cd627", "check survive_closed_transports"),
    "aiokafka.consumer.fetcher:Fetcher._get_actions_per_node": (
        "dbb227e0c8e7",
        "check planned, and FetchSessions: a fetch must name all partitions that are wanted, and each node has one",
    ),
    "aiokafka.consumer.fetcher:Fetcher._proc_fetch_request": (
        "cc8bcea9361f",
        "check FetchSessions.send: what an answer leaves out must stay as it is, an empty one be followed by a fetch",
    ),
    "aiokafka.protocol.fetch:FetchRequest.__init__": ("202032035730", "check SessionFetch"),
    "aiokafka.protocol.fetch:FetchRequest.build": ("6eace60b4b58", "check SessionFetch.build"),
    f"{CLIENT}.send": ("5d60bf31e41e", "check keep_sessions"),
    "faust.types.tuples:ConsumerMessage.on_final_ack": ("6ef10c83c534", "check PollConsumer.ack"),
    "faust.types.tuples:Message.ack": (
        "6b3946295cd1",
        "check PollConsumer.ack: it is called once, by the last reference",
    ),
    "faust.serializers.schemas:Schema.compile": ("4bc99f8f00b3", "check PollSchema.compile"),
    "faust.app.base:App.create_event": ("a032c4b5d8da", "check PollSchema.compile"),
    "aiokafka.consumer.consumer:AIOKafkaConsumer.start": (
        "2d9a955dc831",
        "check that _fetch_max_wait_ms is read here, see PollThread",
    ),
}


def source(name: str) -> str:
    """Source of a method as it stands in its file, whatever was patched since."""
    module, _, rest = name.partition(":")
    owner, method = rest.split(".")
    text = inspect.getsource(import_module(module))
    (found,) = [
        inner
        for outer in ast.parse(text).body
        if isinstance(outer, ast.ClassDef) and outer.name == owner
        for inner in outer.body
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name == method
    ]
    return ast.get_source_segment(text, found) or ""


def digest(name: str) -> str:
    return blake2b(source(name).encode(), digest_size=6).hexdigest()


@pytest.mark.parametrize("package", PINNED)
def test_the_installed_version_is_the_pinned_one(package: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"{package}=={version(package)}" in project["dependencies"], f"{package}: pinned exactly, and installed so"


@pytest.mark.parametrize("name", PINS)
def test_what_is_overridden_or_relied_on_is_unchanged(name: str) -> None:
    expected, check = PINS[name]
    found = digest(name)
    assert found == expected, (
        f"{name} has changed ({found}): {check} in stream/kafka; then run tests/kafka and the "
        "benchmark, and write down the new digest"
    )


def test_every_override_is_pinned() -> None:
    """Whatever our classes define and a base class defines too."""
    for ours in (PollConsumer, PollSchema, PollThread):
        for method in vars(ours):
            owners = [
                base for base in ours.__mro__[1:] if method in vars(base) and inspect.isfunction(vars(base)[method])
            ]
            if owners:
                pinned = {f"{owner.__module__}:{owner.__qualname__}.{method}" for owner in owners} & set(PINS)
                assert pinned, f"{ours.__name__}.{method} overrides {owners[0].__qualname__}.{method}"


# Polls


class Record(NamedTuple):
    """As aiokafka hands it out, as far as a poll looks at it."""

    topic: str
    partition: int
    offset: int
    timestamp: int = 1_700_000_000_500
    timestamp_type: int = 0


VIEWS, CLICKS = TP("events.view", 0), TP("events.click", 0)


class Offline(PollConsumer):
    """Ends of the topics are asked of a broker; this one has none."""

    max_records = 4

    def highwater(self, tp: TP) -> int:
        return 100


@pytest.fixture
def consumer() -> Iterator[Offline]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = faust.App("pins", broker="kafka://127.0.0.1:1", store="memory://")
    app.transport.Consumer = Offline  # type: ignore[misc]  # how Faust lets a consumer be replaced
    found = app.consumer
    assert isinstance(found, Offline)
    yield found
    found._thread.thread_loop.close()  # a service that was never started closes nothing
    loop.close()
    asyncio.set_event_loop(None)


def records(tp: TP, *offsets: int) -> list[Record]:
    return [Record(tp.topic, tp.partition, offset) for offset in offsets]


def brief(polls: list[Poll]) -> list[list[tuple[str, list[int]]]]:
    return [[(tp.topic, [record.offset for record in found]) for tp, found in poll] for poll in polls]


def test_a_fetch_becomes_polls_of_at_most_max_records(consumer: Offline) -> None:
    fetched: dict[TP, list[Any]] = {VIEWS: records(VIEWS, 1, 2, 3, 4, 5), CLICKS: records(CLICKS, 7, 8)}
    assert brief(consumer._polls(fetched, None)) == [
        [("events.view", [1, 2, 3, 4])],
        [("events.view", [5]), ("events.click", [7, 8])],
    ]
    assert [record.offset for record in fetched[VIEWS]] == [1, 2, 3, 4, 5], "what was fetched is not changed"
    exactly: dict[TP, list[Any]] = {VIEWS: records(VIEWS, 1, 2), CLICKS: records(CLICKS, 7, 8)}
    assert brief(consumer._polls(exactly, None)) == [[("events.view", [1, 2]), ("events.click", [7, 8])]]


def test_nothing_fetched_is_no_poll(consumer: Offline) -> None:
    assert consumer._polls({}, None) == consumer._polls({VIEWS: []}, None) == []


def test_what_is_not_active_any_more_is_left_out(consumer: Offline) -> None:
    fetched: dict[TP, list[Any]] = {VIEWS: records(VIEWS, 1), CLICKS: records(CLICKS, 7)}
    assert brief(consumer._polls(fetched, {CLICKS})) == [[("events.click", [7])]]


def carried(consumer: Offline, poll: Poll) -> Any:
    tp, message = consumer._carry(poll, 3)
    assert tp == poll[-1][0]
    consumer._unacked_messages.add(message)
    return message


def test_a_poll_travels_as_one_message_that_looks_like_its_last_record(consumer: Offline) -> None:
    poll = Poll([(VIEWS, records(VIEWS, 1, 2)), (CLICKS, records(CLICKS, 7, 9))])
    message = carried(consumer, poll)
    assert (message.topic, message.partition, message.offset, message.tp) == ("events.click", 0, 9, CLICKS)
    assert (message.value is poll, message.timestamp, message.generation_id) == (True, 1_700_000_000.5, 3)
    assert (consumer._read_offset[VIEWS], consumer._read_offset[CLICKS]) == (2, 9)


def test_an_acknowledged_poll_lets_every_partition_commit_once(consumer: Offline) -> None:
    message = carried(consumer, Poll([(VIEWS, records(VIEWS, 1, 2)), (CLICKS, records(CLICKS, 7, 9))]))
    assert consumer._new_offset(VIEWS) is None
    assert (consumer.ack(message), consumer.ack(message)) == (True, False)
    assert (message.acked, len(consumer._unacked_messages), consumer._n_acked) == (True, 0, 1)
    assert [consumer._new_offset(tp) for tp in (VIEWS, CLICKS)] == [3, 10]
    assert [consumer._new_offset(tp) for tp in (VIEWS, CLICKS)] == [None, None]


def test_of_several_polls_the_last_one_is_committed(consumer: Offline) -> None:
    for first in (1, 11, 51):  # with the gaps that compaction leaves
        consumer.ack(carried(consumer, Poll([(VIEWS, records(VIEWS, first, first + 1))])))
    assert consumer._filter_committable_offsets([VIEWS, CLICKS]) == {VIEWS: 53}
    consumer._committed_offset[VIEWS] = 53
    consumer.ack(carried(consumer, Poll([(VIEWS, records(VIEWS, 20))])))
    assert consumer._filter_committable_offsets([VIEWS]) == {}, "after a seek back nothing is committed twice"


def test_an_acknowledgement_wakes_who_waits_for_it(consumer: Offline) -> None:
    loop = asyncio.get_event_loop_policy().get_event_loop()
    consumer._waiting_for_ack = waiting = loop.create_future()
    consumer.ack(carried(consumer, Poll([(VIEWS, records(VIEWS, 1))])))
    assert waiting.done()
    consumer.ack(carried(consumer, Poll([(VIEWS, records(VIEWS, 2))])))


def test_offsets_inside_a_poll_are_no_gaps_and_a_full_buffer_stops_nothing(consumer: Offline) -> None:
    consumer._active_partitions = {VIEWS}
    consumer.on_buffer_full(VIEWS)
    consumer.on_buffer_drop(VIEWS)
    asyncio.get_event_loop_policy().get_event_loop().run_until_complete(consumer._add_gap(VIEWS, 1, 9))
    assert (consumer._active_partitions, consumer._buffered_partitions, dict(consumer._gap)) == ({VIEWS}, set(), {})


def test_a_position_that_is_not_known_yet_ends_no_worker(consumer: Offline) -> None:
    with pytest.raises(Exception, match="not yet started"):
        super(PollConsumer, consumer).verify_event_path(0.0, VIEWS)
    consumer.verify_event_path(0.0, VIEWS)


def test_the_fetching_thread_is_ours(consumer: Offline) -> None:
    assert isinstance(consumer._thread, PollThread)
    assert issubclass(PollThread, AIOKafkaConsumerThread)


class Seeking:
    """A Kafka consumer that says in which thread it is used, and what is committed."""

    def __init__(self) -> None:
        self.sought: list[tuple[TP, int, int]] = []
        self.committed: list[dict[TP, Any]] = []
        self._coordinator = self
        self._performed_join_prepare = False

    def seek(self, tp: TP, offset: int) -> None:
        self.sought.append((tp, offset, threading.get_ident()))

    def assignment(self) -> set[TP]:
        return {VIEWS}

    async def commit(self, offsets: dict[TP, Any]) -> None:
        self.committed.append(offsets)


def test_a_seek_happens_in_the_thread_that_fetches(consumer: Offline) -> None:
    """From any other it finds the fetched records while they are handed out, and wakes nobody."""
    thread, kafka = consumer._thread, Seeking()
    started = threading.Thread(target=thread.thread_loop.run_forever)
    started.start()
    thread._consumer = kafka
    main = asyncio.get_event_loop_policy().get_event_loop()

    async def seek() -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(thread.method_queue.start(), thread.thread_loop))
        await consumer.seek(VIEWS, 7)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(thread.method_queue.stop(), thread.thread_loop))

    thread.parent_loop = main
    main.run_until_complete(seek())
    thread.thread_loop.call_soon_threadsafe(thread.thread_loop.stop)
    started.join()
    assert kafka.sought == [(VIEWS, 7, started.ident)]
    assert started.ident != threading.get_ident()


def test_nothing_is_committed_while_the_group_is_joined(consumer: Offline) -> None:
    """Such a commit fails after the join, and then aiokafka joins again as somebody else."""
    thread, kafka = consumer._thread, Seeking()
    thread._consumer = kafka
    loop = asyncio.get_event_loop_policy().get_event_loop()
    kafka._performed_join_prepare = True
    assert loop.run_until_complete(thread._commit({VIEWS: 3})) is False
    assert kafka.committed == []
    kafka._performed_join_prepare = False
    assert loop.run_until_complete(thread._commit({VIEWS: 3})) is True
    assert [offset.offset for offset in kafka.committed[0].values()] == [3]
