"""A topic-partition is read from a position to its end, or the reader says that it cannot."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from stream.kafka.connections import TruncatedError
from stream.kafka.log_reader import read_log, read_records
from stream.records.log import LOG_VERSION, Claim, encode_message
from stream.records.topics import LOG
from tests.support.topic_logs import ListConnections

CLAIMS = [Claim(LOG_VERSION, f"users/{n}", "a") for n in range(5)]


def log_of(first: int = 0) -> Any:
    """A log of five claims, of which some may have been deleted."""
    connections = ListConnections()
    connections.topics[LOG.name] = [encode_message(claim) for claim in CLAIMS]
    connections.first[LOG.name] = first
    return connections


@pytest.mark.parametrize(("start", "end", "offsets"), [(0, None, [0, 1, 2, 3, 4]), (3, None, [3, 4]), (0, 2, [0, 1])])
def test_messages_come_with_their_offsets_up_to_the_end(start: int, end: int | None, offsets: list[int]) -> None:
    async def read() -> list[tuple[int, Any]]:
        return [pair async for pair in read_log(connections, start, end)]

    connections = log_of()
    assert asyncio.run(read()) == [(n, CLAIMS[n]) for n in offsets]
    assert connections.readers[0].stopped == 1


def test_deleted_records_are_an_error_unless_the_first_was_asked_for() -> None:
    async def offsets(start: int | None) -> list[int]:
        return [offset async for offset, _ in read_records(connections.reader(LOG), start)]

    connections = log_of(first=2)
    assert asyncio.run(offsets(None)) == asyncio.run(offsets(2)) == [2, 3, 4]
    with pytest.raises(TruncatedError, match=r"headwater\.log: must be read from offset 1 on; it starts at 2"):
        asyncio.run(offsets(1))
    assert [reader.stopped for reader in connections.readers] == [1, 1, 1]


def test_the_reader_is_stopped_when_the_iteration_is_left_early() -> None:
    async def first() -> int:
        async with aclosing(read_records(connections.reader(LOG))) as records:
            async for offset, _ in records:
                return offset
        return -1

    connections = log_of()
    assert asyncio.run(first()) == 0
    assert connections.readers[0].stopped == 1
