"""A model in a file: backup, migration, inspection."""

from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from stream.errors import CheckError, UsageError
from stream.kafka.connections import Connections
from stream.kafka.snapshots import newest_model
from stream.model.copy import ModelCopy
from stream.records.acceptance import Acceptance
from stream.records.log import Claim, decode_message
from stream.records.topics import LOG, MODEL_SNAPSHOTS, prefixed
from stream.state.snapshot import SNAPSHOT_VERSION, chunks

MAGIC = "headwater model"


class ModelFile(Struct, frozen=True, array_like=True):
    """The content of a file: the chunks of one snapshot."""

    magic: str
    version: int
    parts: list[bytes]


class Stand(NamedTuple):
    """A cluster's newest snapshot, and its log."""

    saved: ModelCopy | None
    log_start: int
    log_end: int


async def look(connections: Connections) -> Stand:
    """Read the newest whole snapshot of the model."""
    whole = await newest_model(connections)
    reader = connections.reader(LOG)
    start, end = await reader.start(0)
    await reader.stop()
    return Stand(None if whole is None else ModelCopy.decode(whole.parts), start, end)


def write(path: Path, saved: ModelCopy) -> None:
    """Write a model to a file, atomically."""
    scratch = path.with_name(path.name + ".part")
    try:
        scratch.write_bytes(msgspec.msgpack.encode(ModelFile(MAGIC, SNAPSHOT_VERSION, saved.encode())))
        scratch.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def read(path: Path) -> ModelCopy:
    """Read a model from a file."""
    try:
        found = msgspec.msgpack.decode(path.read_bytes(), type=ModelFile)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: must be a file of `headwater model save`: {error}") from error
    if found.magic != MAGIC or found.version != SNAPSHOT_VERSION:
        raise UsageError(
            f"{path}: must be a model of version {SNAPSHOT_VERSION}; got {found.magic!r} of version {found.version}"
        )
    return ModelCopy.decode(found.parts)


async def load(connections: Connections, saved: ModelCopy) -> int:
    """Make a model the newest snapshot of a cluster; returns its log offset.

    * into an empty log: the model starts there, at offset 0 (migration)
    * into the log that it was folded from, if that still holds what comes after (backup)

    Raises
    ------
    CheckError
        if the log is neither
    """
    stand = await look(connections)
    if stand.log_end == 0:
        saved = saved._replace(offset=0, acceptance=Acceptance().snapshot())
    elif not stand.log_start <= saved.offset <= stand.log_end:
        raise CheckError(
            f"headwater.log: must be empty, or reach from {saved.offset} on, where the saved model ends; it holds "
            f"{stand.log_start} to {stand.log_end}: choose another namespace, or a newer file"
        )
    else:
        await _check_claims(connections, saved, stand)
    producer = await connections.producer()
    try:
        name = prefixed(connections.config.namespace, MODEL_SNAPSHOTS)
        for chunk in chunks("model", -1, saved.offset, saved.encode()):
            await producer.send_and_wait(name, value=chunk, partition=0)
    finally:
        await producer.stop()
    return saved.offset


async def _check_claims(connections: Connections, saved: ModelCopy, stand: Stand) -> None:
    """Check that the claims the model has folded are in the log at their offsets: else it is another log."""
    rules = Acceptance()
    rules.restore(saved.acceptance)
    for shard, state in sorted(rules.shards.items()):
        if state.epoch < stand.log_start:
            continue
        reader = connections.reader(LOG)
        try:
            await reader.start(state.epoch)
            records: list[tuple[int, bytes]] = []
            while not records:
                records = await reader.read()
        finally:
            await reader.stop()
        offset, data = records[0]
        message = decode_message(data, offset)
        if offset != state.epoch or not isinstance(message, Claim) or message.shard != shard:
            raise CheckError(
                f"headwater.log: must hold the claim of {shard} at offset {state.epoch}, as the saved model has it; "
                "it is another log: choose an empty one, under another namespace"
            )
