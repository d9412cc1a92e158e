"""Waits of events, from a log and a clock written by hand."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from stream.bench.kafka import rebalance
from stream.bench.kafka.rebalance import Waits
from stream.config import Config
from stream.errors import CheckError
from stream.records.log import LOG_VERSION, Batch, Claim, LoggedEvent, Message, Step
from stream.records.topics import all_shards

T = 1_700_000_000.0


def batch(shard: str, epoch: int, seq: int, *sent: float) -> Batch:
    """A batch with events that were sent so many seconds after `T`."""
    steps = [
        Step("u", LoggedEvent(0, n, f"{shard}{seq}{n}", "i", 0, T + at, None, None), [], 0, None, None, None)
        for n, at in enumerate(sent)
    ]
    return Batch(LOG_VERSION, shard, epoch, seq, {}, T, list(steps))


# When each message is read, and the message; its place is its offset.
LOG: list[tuple[float, Message]] = [
    (0.0, Claim(LOG_VERSION, "users/0", "a")),
    (0.0, Claim(LOG_VERSION, "users/1", "a")),
    (2.0, batch("users/0", 0, 0, 1.0, 1.5)),
    (3.0, batch("users/1", 1, 0, 2.9)),
    (20.0, Claim(LOG_VERSION, "users/1", "b")),
    (21.0, batch("users/1", 1, 1, 5.0)),  # fenced
    (22.0, batch("users/1", 4, 0, 12.0, 13.0)),
    (22.5, batch("users/0", 0, 1, 20.0)),
]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    now = [T]

    async def read_log(connections: Any, start: int, end: int) -> AsyncIterator[tuple[int, Message]]:
        for offset, (at, message) in enumerate(LOG):
            now[0] = T + at
            yield offset, message

    monkeypatch.setattr(rebalance, "read_log", read_log)
    monkeypatch.setattr("stream.bench.kafka.rebalance.time", SimpleNamespace(time=lambda: now[0]))
    found = Waits(Config())
    asyncio.run(found.read())
    return found


def test_an_event_waits_until_the_log_is_read_that_accepted_it(waits: Waits) -> None:
    assert [(round(at - T, 3), round(wait, 3)) for at, wait, _ in waits.waits] == [
        (1.0, 1.0), (1.5, 0.5), (2.9, 0.1), (12.0, 10.0), (13.0, 9.0), (20.0, 2.5),
    ]  # fmt: skip


def test_the_longest_wait_is_that_of_events_sent_since_then(waits: Waits) -> None:
    assert [round(waits.longest(T + since), 3) for since in (0.0, 12.5, 14.0, 30.0)] == [10.0, 9.0, 2.5, 0.0]


def test_shards_claimed_since_then_are_no_others(waits: Waits) -> None:
    assert round(waits.longest_of_others(T + 10.0), 3) == 2.5, "users/1 was claimed at 20"
    assert round(waits.longest_of_others(T + 20.0), 3) == 2.5
    assert waits.longest_of_others(T + 21.0) == 0.0


class Owner:
    """A worker that owns some shards."""

    def __init__(self, owned: float) -> None:
        self.owned = owned

    def metrics(self) -> dict[str, float]:
        return {"headwater_shards_owned": self.owned}


def test_workers_are_settled_when_all_serve_and_no_shard_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shards = len(all_shards(Config().kafka.partitions))
    monkeypatch.setattr(
        "stream.bench.kafka.rebalance.time", SimpleNamespace(time=iter([T, T + 3.0, T + 999.0]).__next__)
    )
    served: Any = (Owner(shards - 1), Owner(1))
    assert asyncio.run(rebalance._settled(Config(), served, T)) == 3.0
    for owned in ((shards, 0), (shards - 2, 1)):
        monkeypatch.setattr("stream.bench.kafka.rebalance.time", SimpleNamespace(time=iter([T, T + 999.0]).__next__))
        workers: Any = tuple(map(Owner, owned))
        with pytest.raises(CheckError, match=f"must serve all {shards} shards within 90 s; they serve"):
            asyncio.run(rebalance._settled(Config(), workers, T))
