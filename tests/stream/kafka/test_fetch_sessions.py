"""A fetch in a session asks for the same as one that names everything, whatever is lost on the way."""

import asyncio
import random
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v4, FetchRequest_v11, FetchResponse_v4, FetchResponse_v11
from aiokafka.protocol.metadata import MetadataRequest

from stream.kafka.fetch_sessions import LAST_EPOCH, FetchSessions

SESSION_NOT_FOUND, INVALID_EPOCH = 70, 71  # Kafka's error codes

Offsets = dict[tuple[str, int], int]


class Broker:
    """What a broker keeps of fetch sessions, by the rules of KIP-227."""

    def __init__(self, request: Any = FetchRequest_v11, room: bool = True) -> None:
        self.request, self.room = request, room
        self.sessions: dict[int, tuple[int, Offsets]] = {}  # id -> the next epoch, and what is read
        self.named = list[int]()  # partitions that each fetch named
        self.asked = list[Offsets]()  # what each fetch asks for, all in all
        self._ids = 0

    async def send(self, node_id: int, request: FetchRequest) -> Any:
        fetch = request.build(self.request)
        named = {(topic, each[0]): each[-3] for topic, parts in fetch.topics for each in parts}
        self.named.append(len(named))
        if self.request is FetchRequest_v4:
            self.asked.append({(topic, each[0]): each[1] for topic, parts in fetch.topics for each in parts})
            return FetchResponse_v4(0, [("t", [])])
        if fetch.session_epoch == 0:
            self.sessions.pop(fetch.session_id, None)
            self.asked.append(named)
            return FetchResponse_v11(0, 0, self._remember(named), [("t", [])])
        if fetch.session_id not in self.sessions:
            return FetchResponse_v11(0, SESSION_NOT_FOUND, 0, [])
        epoch, read = self.sessions[fetch.session_id]
        if epoch != fetch.session_epoch:
            return FetchResponse_v11(0, INVALID_EPOCH, 0, [])
        forgotten = {(topic, partition) for topic, parts in fetch.forgotten_topics_data for partition in parts}
        read = {tp: offset for tp, offset in (read | named).items() if tp not in forgotten}
        self.sessions[fetch.session_id] = 1 if epoch == LAST_EPOCH else epoch + 1, read
        self.asked.append(read)
        return FetchResponse_v11(0, 0, fetch.session_id, [("t", [])])

    def _remember(self, read: Offsets) -> int:
        if not self.room:
            return 0
        self._ids += 1
        self.sessions[self._ids] = 1, read
        return self._ids


def whole(offsets: Offsets) -> FetchRequest:
    """A fetch as aiokafka makes it."""
    topics: dict[str, list[tuple[int, int, int]]] = {}
    for (topic, partition), offset in offsets.items():
        topics.setdefault(topic, []).append((partition, offset, 1 << 20))
    return FetchRequest(100, 1, 1 << 24, 1, list(topics.items()))


OFFSETS: Offsets = {(f"events.{n % 5}", n // 5): n for n in range(41)}


def test_only_what_changed_is_named() -> None:
    async def fetch() -> None:
        broker, moved = Broker(), OFFSETS | {("events.2", 3): 99}
        sessions = FetchSessions(broker.send, lambda: "first")
        for offsets in (OFFSETS, OFFSETS, moved, moved):
            await sessions.send(0, whole(offsets))
        assert broker.named == [41, 0, 1, 0]
        assert broker.asked == [OFFSETS, OFFSETS, moved, moved]

    asyncio.run(fetch())


def test_a_new_assignment_is_told_everything_again() -> None:
    async def fetch() -> None:
        broker, assignments = Broker(), ["first", "first", "second", "second"]
        sessions = FetchSessions(broker.send, lambda: assignments[len(broker.named)])
        for _ in assignments:
            await sessions.send(0, whole(OFFSETS))
        assert broker.named == [41, 0, 41, 0]
        assert len(broker.sessions) == 1, "the session before is given back"

    asyncio.run(fetch())


def test_whatever_is_lost_the_same_is_asked_for() -> None:
    """Partitions come, go and move; brokers forget; answers and whole fetches get lost; other nodes fetch between."""
    rng = random.Random("fetch sessions")

    async def fetch() -> None:
        brokers, fault = [Broker(), Broker()], ""

        async def send(node_id: int, request: FetchRequest) -> Any:
            if fault == "not sent":
                raise KafkaConnectionError
            answer = await brokers[node_id].send(node_id, request)
            if fault == "given up":
                raise asyncio.CancelledError
            return answer

        sessions = FetchSessions(send, lambda: "first")
        refused = 0
        for _ in range(2000):
            node_id = rng.randrange(2)
            offsets = {tp: rng.randrange(3) for tp in OFFSETS if rng.random() < 0.8}
            fault = rng.choice(["not sent", "given up", *[""] * 8])
            if rng.random() < 0.05:
                brokers[node_id].sessions.clear()
            before = len(brokers[node_id].asked)
            try:
                answer = await sessions.send(node_id, whole(offsets))
            except (KafkaConnectionError, asyncio.CancelledError):
                continue
            if answer.error_code:
                refused += 1
                assert answer.topics == [], "the fetch is repeated"
                assert len(brokers[node_id].asked) == before
            else:
                assert brokers[node_id].asked[-1] == offsets
        assert 0 < refused < 120

    asyncio.run(fetch())


@pytest.mark.parametrize("broker", [Broker(room=False), Broker(FetchRequest_v4)])
def test_without_sessions_every_fetch_names_everything(broker: Broker) -> None:
    """A broker whose cache of sessions is full, or that is older than they are."""

    async def fetch() -> None:
        sessions = FetchSessions(broker.send, lambda: "first")
        for _ in range(3):
            await sessions.send(0, whole(OFFSETS))
        assert broker.named == [41, 41, 41]
        assert broker.asked == [OFFSETS] * 3

    asyncio.run(fetch())


def test_epochs_begin_again_after_the_last() -> None:
    async def fetch() -> None:
        broker = Broker()
        sessions = FetchSessions(broker.send, lambda: "first")
        await sessions.send(0, whole(OFFSETS))
        ((key, (_, read)),) = broker.sessions.items()
        broker.sessions[key], sessions._sessions[0].epoch = (LAST_EPOCH, read), LAST_EPOCH
        for _ in range(2):
            assert (await sessions.send(0, whole(OFFSETS))).error_code == 0
        assert broker.sessions[key][0] == 2

    asyncio.run(fetch())


def test_other_requests_pass_unchanged() -> None:
    async def send(node_id: int, request: Any, **options: Any) -> Any:
        return node_id, request, options

    request = MetadataRequest([])
    found = asyncio.run(FetchSessions(send, lambda: None).send(3, request, group=1))
    assert found == (3, request, {"group": 1})
