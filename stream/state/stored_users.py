"""Users as snapshots hold them: item ids in place of numbers. Also reads what snapshots of version 3 hold."""

from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from learners import NEVER
from stream.records.log import Decision
from stream.records.schemas import Scalar
from stream.state.item_numbers import ItemNumbers
from stream.state.packed import Packed, packed, unpacked
from stream.state.user import NOTHING, Paid, User
from stream.state.user_block import EVENT_IDS, IDS, NEXT_ID, PROFILE_AT, ROWS, SESSION, TWICE, columns, new_block
from stream.state.users import Users


class StoredUser(Struct, array_like=True, frozen=True, gc=False):
    """A user's state; equal for equal users, whatever process they are in."""

    items: list[str]  # oldest first
    block: bytes  # see `state.packed`
    room: int
    session_id: str | None
    open: Decision | None
    attributes: dict[str, Scalar]
    traits: dict[str, str]
    enrolled: str
    paid: dict[str, Paid]


class PlacedUser(StoredUser, array_like=True, frozen=True, gc=False):
    """The same with open decisions beside home's: who has none takes no byte more."""

    others: dict[str, Decision] = {}


class SeenV3(Struct, array_like=True, gc=False):
    """An item of a user of version 3."""

    times: int
    bought: bool
    kind: int
    time: float
    bought_at: float = 0.0  # 0: never, or at an unknown time


class UserV3(Struct, array_like=True):
    """A user of version 3: what a snapshot before November 2026 holds."""

    seen: dict[str, SeenV3] = {}  # oldest first
    session: list[str] = []
    session_id: str | None = None
    depth: int = 0
    events: int = 0
    repeats: int = 0
    immediate: int = 0
    twice: bool = False
    time: float = 0.0
    event_ids: dict[int, Literal[True]] = {}  # unsigned hashes, oldest first
    open: Decision | None = None
    attributes: dict[str, Scalar] = {}
    touched: float = 0.0
    traits: dict[str, str] = {}
    profile: bytes = b""
    enrolled: str = ""
    paid: dict[str, Paid] = {}
    others: dict[str, Decision] = {}


_ENCODER = msgspec.msgpack.Encoder()
_USERS = msgspec.msgpack.Decoder(list[tuple[str, PlacedUser]])
_USERS_V3 = msgspec.msgpack.Decoder(list[tuple[str, UserV3]])


def stored(user: User) -> StoredUser:
    """A user as a snapshot holds them."""
    found, ids = packed(user.block), user.numbers.ids
    fields = (
        [ids[number] for number in found.numbers], found.data, found.room, user.session_id, user.open,
        user.attributes, user.traits, user.enrolled, user.paid,
    )  # fmt: skip
    return PlacedUser(*fields, user.others) if user.others else StoredUser(*fields)


def same_users(one: Users, other: Users) -> bool:
    """Whether they are the same users, the last touched last."""
    return list(one) == list(other) and all(stored(user) == stored(other[user_id]) for user_id, user in one.items())


def encode_user(user_id: str, user: User) -> bytes:
    """One entry of what `read_users` reads."""
    return _ENCODER.encode((user_id, stored(user)))


def read_users(users: Users, part: bytes, *, version: int) -> None:
    """Add the users of a part of a snapshot, in its order."""
    if version == 3:
        for user_id, old in _USERS_V3.decode(part):
            users[user_id] = _user(users.numbers, _block_of_v3(users.numbers, old), old)
        return
    for user_id, found in _USERS.decode(part):
        users[user_id] = _user(
            users.numbers, unpacked(Packed(found.block, users.numbers.held(found.items), found.room)), found
        )


def _user(numbers: ItemNumbers, block: NDArray[np.uint8], found: PlacedUser | UserV3) -> User:
    return User(
        numbers, block, found.session_id, found.open, _own(found.attributes), _own(found.traits), found.enrolled,
        _own(found.paid), _own(found.others),
    )  # fmt: skip


def _own(found: dict[str, Any]) -> dict[str, Any]:
    return found or NOTHING


def _block_of_v3(numbers: ItemNumbers, old: UserV3) -> NDArray[np.uint8]:
    items, seen = numbers.held(old.seen), list(old.seen.values())
    rows, ids, session = len(seen), len(old.event_ids), [numbers.find(item) for item in old.session]
    block = new_block(rows, max(ids, len(session)))
    at = columns.py_func(block)
    at.floats[:] = old.time, old.touched
    at.ints[: TWICE + 1] = old.events, old.depth, old.repeats, old.immediate, old.twice
    at.ints[[ROWS, SESSION, IDS, NEXT_ID]] = rows, len(session), ids, ids % EVENT_IDS
    block[PROFILE_AT : PROFILE_AT + len(old.profile)] = np.frombuffer(old.profile, np.uint8)
    at.event_ids[:ids] = np.array(list(old.event_ids), np.uint64).view(np.int64)
    at.items[:], at.session[: len(session)] = items, session
    at.times[:], at.kinds[:] = [each.time for each in seen], [each.kind for each in seen]
    at.counts[:] = [each.times for each in seen]
    at.bought[:] = [each.bought_at if each.bought else NEVER for each in seen]
    return block
