"""Snapshots count only when all of their chunks are there."""

import asyncio
from typing import Any

import pytest

from stream.kafka.connections import TruncatedError
from stream.kafka.snapshots import newest_model, user_snapshot
from stream.records.log import LOG_VERSION, SnapshotCommitted
from stream.records.topics import MODEL_SNAPSHOTS, USER_SNAPSHOTS
from stream.state.snapshot import chunks
from tests.support.topic_logs import ListConnections


def connections_of(name: str, *records: bytes) -> Any:
    connections = ListConnections()
    connections.topics[name] = list(records)
    return connections


def test_the_newest_whole_model_is_found() -> None:
    old, new, torn = (list(chunks("model", 0, offset, [b"a", b"b"])) for offset in (7, 9, 12))
    connections = connections_of(MODEL_SNAPSHOTS.name, *new, *old, torn[0])
    whole = asyncio.run(newest_model(connections))
    assert whole is not None
    assert (whole.offset, whole.parts) == (9, [b"a", b"b"])
    assert asyncio.run(newest_model(connections_of(MODEL_SNAPSHOTS.name))) is None


def test_a_users_snapshot_is_the_one_that_the_log_names() -> None:
    earlier, named = (list(chunks("users/0", 0, offset, [b"a", bytes([offset])])) for offset in (7, 9))
    connections = connections_of(USER_SNAPSHOTS.name, *earlier, *named)
    committed = SnapshotCommitted(LOG_VERSION, "users/0", 0, "users", 9, 2, 2)
    assert asyncio.run(user_snapshot(connections, committed)) == [b"a", b"\t"]
    assert connections.readers[0].stopped == 1


def test_a_torn_or_deleted_snapshot_is_an_error() -> None:
    committed = SnapshotCommitted(LOG_VERSION, "users/0", 0, "users", 9, 0, 2)
    connections = connections_of(USER_SNAPSHOTS.name, *list(chunks("users/0", 0, 9, [b"a", b"b"]))[:1])
    with pytest.raises(TruncatedError, match="users/0: the snapshot of log offset 9 is not whole"):
        asyncio.run(user_snapshot(connections, committed))
    connections.first[USER_SNAPSHOTS.name] = 1
    with pytest.raises(TruncatedError, match="must be read from offset 0 on; it starts at 1"):
        asyncio.run(user_snapshot(connections, committed))
