"""Snapshots as chunks: what goes onto `headwater.users` and `headwater.model`, and how it is put together again.

Every chunk says what it belongs to, so the chunks of two writers may mix, come twice or be missing: a snapshot is whole
when all of its chunks are there, unharmed.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec
from msgspec import Struct

from stream.errors import HeadwaterError
from stream.records.acceptance import ShardState
from stream.state.stored_users import encode_user, read_users
from stream.state.users import Users

SNAPSHOT_VERSION = 4  # of what is written; only users differ between the versions
READABLE = (3, 4)
CHUNK_BYTES = 512 * 1024


_VERSIONS = " or ".join(map(str, READABLE))


class ForeignSnapshotError(HeadwaterError):
    """A snapshot that this version of headwater cannot read."""


class Chunk(Struct, frozen=True, array_like=True, gc=False):
    """One record of a topic of snapshots."""

    version: int
    subject: str  # "model", or a shard
    epoch: int  # the writer's claim
    offset: int  # the snapshot holds the fold of the log before this offset
    index: int
    count: int
    crc: int  # of the data
    data: bytes


class Whole(NamedTuple):
    """A snapshot of which everything is there."""

    subject: str
    offset: int
    first: int  # position of its first chunk
    parts: list[bytes]


_DECODER = msgspec.msgpack.Decoder(Chunk)
_ENCODER = msgspec.msgpack.Encoder()


def chunks(subject: str, epoch: int, offset: int, parts: Sequence[bytes]) -> Iterator[bytes]:
    """Records of a snapshot, one per part."""
    for index, data in enumerate(parts):
        yield _ENCODER.encode(Chunk(SNAPSHOT_VERSION, subject, epoch, offset, index, len(parts), crc32(data), data))


class Assembly:
    """Puts snapshots together from chunks in any order.

    >>> assembly = Assembly()
    >>> [assembly.add(n, data) for n, data in enumerate(chunks("model", 0, 7, [b"a", b"b"]))]
    [None, Whole(subject='model', offset=7, first=0, parts=[b'a', b'b'])]
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, int, int], dict[int, tuple[int, bytes]]] = {}

    def add(self, position: int, record: bytes) -> Whole | None:
        """Take the chunk at `position`; the snapshot that it completes, if it does.

        Raises
        ------
        ForeignSnapshotError
            for a chunk of another version, which may be a newer one that matters
        """
        chunk = _decode(position, record)
        if crc32(chunk.data) != chunk.crc:
            return None
        found = self._found.setdefault((chunk.subject, chunk.epoch, chunk.offset), {})
        found.setdefault(chunk.index, (position, chunk.data))
        if len(found) < chunk.count:
            return None
        del self._found[chunk.subject, chunk.epoch, chunk.offset]
        return Whole(
            chunk.subject, chunk.offset, min(place for place, _ in found.values()),
            [found[index][1] for index in range(chunk.count)],
        )  # fmt: skip


def _decode(position: int, record: bytes) -> Chunk:
    try:
        chunk = _DECODER.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ForeignSnapshotError(
            f"snapshot chunk at position {position}: must be of version {_VERSIONS}; got {record[:24]!r} "
            f"({error}); run the headwater version that wrote it"
        ) from error
    if chunk.version not in READABLE:
        raise ForeignSnapshotError(
            f"snapshot chunk at position {position}: must be of version {_VERSIONS}; got {chunk.version}; "
            "run the headwater version that wrote it"
        )
    return chunk


class UsersHead(Struct, frozen=True):
    """The first part of a snapshot of users; in version 3 it was the state alone."""

    version: int
    state: ShardState


class UsersCopy:
    """A copy of a shard's users as of one instant, made a few at a time while they go on changing.

    Whoever changes a user calls `keep` with it before.
    """

    def __init__(self, users: Users, state: ShardState) -> None:
        self.state = state
        self._users = users
        self._encoded: dict[str, bytes | None] = dict.fromkeys(users)  # None: not yet
        self._rest = iter(list(users))

    def keep(self, user_id: str) -> None:
        """Copy one user now, before it changes."""
        if self._encoded.get(user_id, b"") is None:
            self._encoded[user_id] = encode_user(user_id, self._users[user_id])

    def some(self, count: int) -> bool:
        """Copy at most `count` more; whether all are copied."""
        for user_id in self._rest:
            self.keep(user_id)
            count -= 1
            if count <= 0:
                return False
        return True

    def parts(self) -> list[bytes]:
        """State of the shard, then the users, in chunks of about `CHUNK_BYTES`."""
        found, batch, size = [_ENCODER.encode(UsersHead(SNAPSHOT_VERSION, self.state))], list[msgspec.Raw](), 0
        for encoded in self._encoded.values():
            assert encoded is not None  # noqa: S101  for the type checker: all are copied
            if size + len(encoded) > CHUNK_BYTES and batch:
                found.append(_ENCODER.encode(batch))
                batch, size = [], 0
            batch.append(msgspec.Raw(encoded))
            size += len(encoded)
        return [*found, _ENCODER.encode(batch)]


def users_of(parts: Iterable[bytes]) -> tuple[ShardState, Users]:
    """Read back what `UsersCopy.parts` made, in this version or in version 3."""
    first, *rest = parts
    head = msgspec.msgpack.decode(first, type=UsersHead | ShardState)
    version, state = (head.version, head.state) if isinstance(head, UsersHead) else (3, head)
    users = Users()
    for part in rest:
        read_users(users, part, version=version)
    return state, users


def sliced(data: bytes) -> list[bytes]:
    """Parts of one long string of bytes."""
    return [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)] or [b""]
