"""Changes of aiokafka: calm while a broker is away, broken connections that fail, fetches planned as it plans them."""

import asyncio
import random
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient, MetadataRequest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import TopicPartition

from stream.kafka.aiokafka_changes import calm_reconnect, plan_quickly, planned, survive_closed_transports

ORIGINAL = Fetcher._get_actions_per_node
TPS = [TopicPartition(f"events.{n % 5}", n // 5) for n in range(41)]
NODES = 3


def test_reconnecting_is_made_calm_once() -> None:
    calm_reconnect()
    once = AIOKafkaClient._metadata_update
    calm_reconnect()
    assert AIOKafkaClient._metadata_update is once
    assert once.calm


class ClosedWriter:
    """A stream on uvloop whose transport has been closed."""

    def write(self, data: bytes) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    def close(self) -> None:
        pass


def test_a_request_on_a_closed_uvloop_transport_fails_as_a_broken_connection() -> None:
    survive_closed_transports()
    survive_closed_transports()

    async def ask() -> None:
        connection = AIOKafkaConnection("127.0.0.1", 1)
        connection._writer = ClosedWriter()
        connection._versions = {MetadataRequest.API_KEY: (0, 5)}
        with pytest.raises(KafkaConnectionError, match="handler is closed"):
            await connection.send(MetadataRequest([]))
        assert not connection.connected()

    asyncio.run(ask())


class Cluster:
    """Who leads each partition."""

    def __init__(self) -> None:
        self.leaders = dict[TopicPartition, int | None]()

    def leader_for_partition(self, tp: TopicPartition) -> int | None:
        return self.leaders.get(tp)


class Waiting:
    """What a fetch has brought, and nobody has taken yet."""

    def __init__(self, left: float) -> None:
        self.left = left

    def calculate_backoff(self) -> float:
        return self.left


def fetcher() -> Any:
    """A fetcher that has no connection."""
    found: Any = Fetcher.__new__(Fetcher)
    found._client = SimpleNamespace(cluster=Cluster())
    found._client.cluster.leaders = {tp: n % NODES for n, tp in enumerate(TPS)}
    found._records, found._in_flight, found._preferred_read_replica = OrderedDict(), set(), {}
    found._max_partition_fetch_bytes, found._fetch_max_bytes = 1 << 20, 50 << 20
    found._fetch_max_wait_ms, found._fetch_min_bytes, found._isolation_level = 100, 1, 1
    found._client_rack, found._fetcher_timeout = None, 0.2
    return found


def assigned(positions: dict[TopicPartition, int]) -> Any:
    found = Assignment(TPS)
    for tp, position in positions.items():
        found.state_value(tp).seek(position)
    return found


def fetches(mine: Any, assignment: Any) -> list[tuple[int, Any]]:
    found = planned(mine, assignment)
    assert found is not None
    return found[0]


def comparable(actions: Any) -> Any:
    """Requests as sets: aiokafka shuffles them."""
    requests, *others = actions
    asked = {node: {(topic, each) for topic, parts in fetch.topics for each in parts} for node, fetch in requests}
    settings = {(f._max_wait_ms, f._min_bytes, f._max_bytes, f._isolation_level, f._rack_id) for _, f in requests}
    return asked, settings, others


def test_fetches_are_planned_as_aiokafka_plans_them() -> None:
    """Whatever is in flight, waits to be taken, moves, or changes its leader between two looks."""
    rng = random.Random("plans")

    async def plan() -> None:
        mine, same = fetcher(), 0
        assignment = assigned({tp: rng.randrange(9) for tp in TPS})
        for _ in range(3000):
            mine._in_flight = {node for node in range(NODES) if rng.random() < 0.4}
            mine._records = OrderedDict(
                (tp, Waiting(rng.choice([0, 0.03, 0.1]))) for tp in rng.sample(TPS, rng.choice([0, 0, 1, 4]))
            )
            assignment.state_value(rng.choice(TPS)).seek(rng.randrange(9))
            if rng.random() < 0.05:
                assignment = assigned({tp: rng.randrange(9) for tp in TPS})
            found = planned(mine, assignment)
            expected = ORIGINAL(mine, assignment)
            assert comparable(found) == (comparable((expected[0], dict(expected[1]), *expected[2:])))
            same += bool(found and found[0])
        assert same > 1000

    asyncio.run(plan())


def test_a_leader_that_moves_is_asked_when_its_node_is_free() -> None:
    async def plan() -> None:
        mine, assignment = fetcher(), assigned(dict.fromkeys(TPS, 7))
        assert {node for node, _ in fetches(mine, assignment)} == set(range(NODES))
        mine._in_flight = {0, 1, 2}
        mine._client.cluster.leaders[TPS[0]] = 9
        assert fetches(mine, assignment) == [], "noticed when the next answer is there"
        mine._in_flight = {1, 2}
        assert {node for node, _ in fetches(mine, assignment)} == {0, 9}

    asyncio.run(plan())


@pytest.mark.parametrize("unusual", ["no leader", "no position", "paused", "follower"])
def test_what_is_unusual_is_left_to_aiokafka(unusual: str) -> None:
    async def plan() -> None:
        mine, assignment = fetcher(), assigned(dict.fromkeys(TPS[: 40 if unusual == "no position" else 41], 7))
        if unusual == "no leader":
            mine._client.cluster.leaders[TPS[3]] = -1
        elif unusual == "paused":
            assignment.state_value(TPS[3]).pause()
        elif unusual == "follower":
            mine._preferred_read_replica = {TPS[3]: (2, 1e12)}
        assert planned(mine, assignment) is None

    asyncio.run(plan())


def test_who_does_not_fit_into_an_answer_has_its_turn() -> None:
    """Without a session at the broker, the first partitions named would be the only ones that are ever read."""

    async def plan() -> None:
        mine, assignment = fetcher(), assigned(dict.fromkeys(TPS, 7))
        mine._fetch_max_bytes = 4 << 20
        first = {fetches(mine, assignment)[0][1].topics[0][1][0] for _ in range(50)}
        assert len(first) > 1

    asyncio.run(plan())


def test_fetches_are_planned_by_us_once() -> None:
    plan_quickly()
    once: Any = Fetcher._get_actions_per_node
    plan_quickly()
    assert Fetcher._get_actions_per_node is once
    assert once.quick
