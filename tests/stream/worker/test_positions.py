"""Seeks that were lost are repeated; polls fetched before a seek are known."""

import asyncio
from typing import Any

import pytest
from faust.types import TP

from stream.config import Rewards
from stream.decisions.shard import Shard
from stream.kafka.faust_polls import Positions
from stream.kafka.polls import Poll
from stream.records.topics import VIEWS, Topic
from stream.worker.positions import InputPositions
from tests.support.topic_logs import ListConnections

TP0 = TP("events.view", 0)
TOPICS: dict[str, Topic] = {"events.view": VIEWS}


class Consumer(Positions):
    """A consumer at one position."""

    def __init__(self, position: int = 0, start: int = 0) -> None:
        super().__init__(None)
        self.position, self.start = position, start
        self.sought: list[int] = []

    @property
    def fetches(self) -> int:
        return 7

    async def earliest(self, tps: set[TP]) -> dict[TP, int]:
        return dict.fromkeys(tps, self.start)

    async def read(self, tps: set[TP]) -> dict[TP, int]:
        return dict.fromkeys(tps, self.position)

    async def seek(self, tp: TP, position: int) -> None:
        self.sought.append(position)


def positions_of(consumer: Consumer, *, taking: bool = False, connections: Any = None) -> InputPositions:
    return InputPositions(consumer, connections, TOPICS, lambda: taking)


def shard_at(position: int) -> Shard:
    shard = Shard("users/0", 0, Rewards())
    shard.next = {"events.view": position}
    return shard


def checks(positions: InputPositions, *shards: Shard) -> None:
    """One check for each of these states of the shard."""

    async def mend() -> None:
        for shard in shards:
            await positions.mend({"users/0": shard}, {"users/0": {TP0}})

    asyncio.run(mend())


def test_a_consumer_that_read_on_without_its_shard_is_sought_back() -> None:
    consumer = Consumer(position=9)
    checks(positions_of(consumer), shard_at(5), shard_at(5))
    assert consumer.sought == [5]


@pytest.mark.parametrize(
    ("consumer", "at", "taking"),
    [
        pytest.param(Consumer(position=9), (5, 6), False, id="the shard moves"),
        pytest.param(Consumer(position=5), (5, 5), False, id="the consumer is where it should be"),
        pytest.param(Consumer(position=9, start=9), (5, 5), False, id="the records between have been deleted"),
        pytest.param(Consumer(position=9), (5, 5), True, id="a poll is being taken in"),
    ],
)
def test_no_seek_without_need(consumer: Consumer, at: tuple[int, int], taking: bool) -> None:
    checks(positions_of(consumer, taking=taking), *map(shard_at, at))
    assert consumer.sought == []


def test_polls_fetched_before_a_seek_are_stale() -> None:
    positions, before, after = positions_of(Consumer()), Poll(), Poll()
    before.fetch, after.fetch = 7, 8
    assert not positions.precedes_seek(before, TP0)
    asyncio.run(positions.seek(shard_at(3), {TP0}))
    assert (positions.precedes_seek(before, TP0), positions.precedes_seek(after, TP0)) == (True, False)


@pytest.mark.parametrize(("position", "found"), [(1, (2, 2)), (3, (3, 2)), (4, (4, 4))])
def test_the_next_record_and_the_start_are_read(position: int, found: tuple[int, int]) -> None:
    connections = ListConnections()
    connections.topics["events.view"], connections.first["events.view"] = [b"a", b"b", b"c", b"d"], 2
    assert asyncio.run(positions_of(Consumer(), connections=connections).next_record(TP0, position)) == found
    assert connections.readers[0].stopped == 1
