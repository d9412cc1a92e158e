"""Snapshots of users and of the model, read whole."""

from contextlib import aclosing

from stream.kafka.connections import Connections, TruncatedError
from stream.kafka.log_reader import read_records
from stream.records.log import SnapshotCommitted
from stream.records.topics import MODEL_SNAPSHOTS, USER_SNAPSHOTS, ShardId
from stream.state.snapshot import Assembly, Whole


async def newest_model(connections: Connections) -> Whole | None:
    """The newest whole snapshot of the model, if there is one."""
    assembly, newest = Assembly(), None
    try:
        async for offset, data in read_records(connections.reader(MODEL_SNAPSHOTS)):
            whole = assembly.add(offset, data)
            if whole is not None and (newest is None or whole.offset > newest.offset):
                newest = whole
    except TruncatedError:
        pass  # a newer one is whole; the caller reads again if it needs it
    return newest


async def user_snapshot(connections: Connections, committed: SnapshotCommitted) -> list[bytes]:
    """Chunks of the snapshot of a shard's users that a message of the log names.

    Raises
    ------
    TruncatedError
        if it is not there, or not as a whole
    """
    assembly = Assembly()
    reader = connections.reader(USER_SNAPSHOTS, ShardId.parse(committed.shard).partition)
    async with aclosing(read_records(reader, committed.first)) as records:
        async for offset, data in records:
            whole = assembly.add(offset, data)
            if whole is not None and (whole.subject, whole.first) == (committed.shard, committed.first):
                return whole.parts
    raise TruncatedError(f"{committed.shard}: the snapshot of log offset {committed.offset} is not whole")
