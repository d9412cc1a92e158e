"""What is known of one user: a block of numbers with the history, and a few objects that are seldom there."""

from functools import lru_cache
from hashlib import blake2b
from math import nan
from struct import Struct as Layout
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from learners import NEVER
from learners.profiles.profiles import EMPTY, PROFILE_BYTES
from stream.records.log import Decision, ItemSnapshot, LoggedEvent
from stream.records.schemas import Scalar
from stream.state.item_numbers import ItemNumbers
from stream.state.user_block import (
    COLUMNS_AT,
    CONTEXT_ITEMS,
    DEPTH,
    INTS_AT,
    PAST,
    PROFILE_AT,
    ROWS,
    ROWS_ROOM,
    SESSION,
    Columns,
    columns,
    grown,
    new_block,
)
from stream.state.user_kernels import (
    BY_SILENCE,
    CONTEXT,
    CONTEXT_AT,
    DESCRIBED,
    DESCRIBED_AT,
    DUPLICATE,
    GROW,
    IN_SESSION,
    LATE,
    LOOK_BYTES,
    NEW,
    NO_ITEM,
    PROFILED,
    SAME_SESSION,
    knows_event,
    look,
    note,
    take,
)

NOTHING: Final[dict[str, Any]] = {}  # of users who have none, one for all: never changed, only replaced
_FLOAT, _COUNTS, _ROWS, _ROOMS = Layout("<d"), Layout("<5i"), Layout("<i"), Layout("<2i")
_FOUND = np.zeros(LOOK_BYTES, np.uint8)  # scratch; events are taken in one after the other
_CONTEXT = [Layout(f"<{n}i") for n in range(CONTEXT_ITEMS + 1)]


class Seen(NamedTuple):
    """One item in a user's memory."""

    times: int
    bought: bool
    kind: int  # of the last event on it
    time: float  # of the last event on it
    bought_at: float = 0.0  # time of the last purchase, 0: never


class Paid(Struct, array_like=True, gc=False):
    """What an item that was bought from a slate brought in, and what that slate belonged to."""

    amount: float
    experiment: str
    variant: str


class Before(Struct, frozen=True, gc=False):
    """What a step says of a user before its event; the first three are 0 or 1."""

    duplicate: int  # the event was applied already
    late: int  # it is older than the newest one
    same_session: int  # it continues the session under way
    recent: list[str]  # distinct items, newest first, at most `CONTEXT_ITEMS`
    in_session: int  # how many of them belong to the session that the event continues
    past: bytes  # the user's history with each of `recent`, as `users.unpack_past` reads it
    profile: bytes  # quantised, if it is asked for; empty before the first event


class Counts(NamedTuple):
    """A user's events in numbers."""

    events: int
    depth: int  # events of the session
    repeats: int  # events on an item seen before
    immediate: int  # events on the item of the event before
    twice: int  # 1: the last two events were on the same item


class User(Struct, eq=False, gc=False):
    """A user's state: a fold of the accepted steps, changed by `users.apply` alone. Every field is bounded.

    The history, the session, counts and the profile are in the block; they read as attributes.
    """

    numbers: ItemNumbers = field(default_factory=ItemNumbers)  # of the items in the block
    block: NDArray[np.uint8] = field(default_factory=lambda: new_block(1, 1))
    session_id: str | None = None
    open: Decision | None = None
    attributes: dict[str, Scalar] = field(default_factory=lambda: NOTHING)
    traits: dict[str, str] = field(default_factory=lambda: NOTHING)  # groups last seen in: country, device, segment
    enrolled: str = ""  # experiment and variant that counted this user last
    paid: dict[str, Paid] = field(default_factory=lambda: NOTHING)  # by item, the oldest first
    # Open decisions beside home's, by `Decision.placement`: at most `MAX_PAGES` of each placement.
    others: dict[str, Decision] = field(default_factory=lambda: NOTHING)

    def before(self, event: LoggedEvent, session_gap_s: float, *, profiled: bool) -> Before:
        """Look up what a step says of the user before `event`, with or without the profile."""
        by_id = _by_id(event, self.session_id)
        look(self.block, event_hash(event.event_id), event.time, by_id, session_gap_s, profiled, _FOUND)
        found, ids = _FOUND.tobytes(), self.numbers.ids
        n = found[CONTEXT]
        return Before(
            found[DUPLICATE], found[LATE], found[SAME_SESSION],
            [*map(ids.__getitem__, _CONTEXT[n].unpack_from(found, CONTEXT_AT))], found[IN_SESSION],
            found[CONTEXT_AT + 4 * n : CONTEXT_AT + (4 + PAST.itemsize) * n],
            found[DESCRIBED_AT : DESCRIBED_AT + DESCRIBED] if found[PROFILED] else EMPTY,
        )  # fmt: skip

    def remember(self, event: LoggedEvent, item: ItemSnapshot | None, session_gap_s: float) -> None:
        """Take an event into history and session, and into the profile if something is known of its `item`."""
        numbers = self.numbers
        number = numbers.number(event.item_id)
        category, price = (0, None) if item is None else (item.category, item.price)
        taken = (
            event_hash(event.event_id), number, event.kind, event.time, _by_id(event, self.session_id), session_gap_s,
            item is not None, category, nan if price is None else price,
        )  # fmt: skip
        done, forgotten, begins = take(self.block, *taken)
        if done == GROW:
            self.block = grown(self.block)
            done, forgotten, begins = take(self.block, *taken)
        if done == NEW:
            numbers.hold(number)
        if forgotten != NO_ITEM:
            numbers.release(forgotten)
        if begins:
            self.session_id = event.session_id

    def note(self, event: LoggedEvent) -> None:
        """Remember nothing but the event's id."""
        event_id = event_hash(event.event_id)
        if not note(self.block, event_id):
            self.block = grown(self.block)
            note(self.block, event_id)

    def as_of(self, now: float, session_gap_s: float) -> "User":
        """The user as they come back at event time `now`: no session is under way after a longer silence."""
        if self.depth == 0 or now - self.time <= session_gap_s:
            return self
        block = self.block.copy()
        _ROWS.pack_into(block.data, INTS_AT + 4 * DEPTH, 0)
        _ROWS.pack_into(block.data, INTS_AT + 4 * SESSION, 0)
        return replace(self, block=block)

    def leave(self) -> None:
        """Release the items: nobody holds this user any more."""
        for number in self.items().tolist():
            self.numbers.release(number)

    def items(self) -> NDArray[np.int32]:
        """Numbers of the items that are remembered, oldest first: a view."""
        rows, ids = _ROOMS.unpack_from(self.block.data, INTS_AT + 4 * ROWS_ROOM)
        start, n = COLUMNS_AT + 8 * ids + 16 * rows, _ROWS.unpack_from(self.block.data, INTS_AT + 4 * ROWS)[0]
        return self.block[start : start + 4 * n].view(np.int32)

    def knows_event(self, event_id: str) -> bool:
        """Whether this event was applied already (among the last `EVENT_IDS`)."""
        return bool(knows_event(self.block, event_hash(event_id)))

    def knows_item(self, item_id: str) -> bool:
        """Whether the item is remembered."""
        return self.numbers.find(item_id) in self.items()

    @property
    def time(self) -> float:
        """Event time of the newest event, unix seconds; 0 before the first."""
        return _FLOAT.unpack_from(self.block.data)[0]  # type: ignore[no-any-return]  # struct's are Any

    @property
    def touched(self) -> float:
        """The shard's watermark at the last record."""
        return _FLOAT.unpack_from(self.block.data, 8)[0]  # type: ignore[no-any-return]

    def touch(self, watermark: float) -> None:
        """Set `touched`."""
        _FLOAT.pack_into(self.block.data, 8, watermark)

    @property
    def counts(self) -> Counts:
        """The user's events in numbers."""
        return Counts._make(_COUNTS.unpack_from(self.block.data, INTS_AT))

    @property
    def unknown(self) -> bool:
        """Whether nothing is known of the user, and no slate of theirs is open."""
        return self.open is None and not self.others and self.events == 0 and not self.attributes

    @property
    def events(self) -> int:
        """So far."""
        return _COUNTS.unpack_from(self.block.data, INTS_AT)[0]  # type: ignore[no-any-return]

    @property
    def depth(self) -> int:
        """Events of the session."""
        return _COUNTS.unpack_from(self.block.data, INTS_AT)[1]  # type: ignore[no-any-return]

    @property
    def profile(self) -> bytes:
        """The profile as `learners.profiles.profiles` has it."""
        found = self.block[PROFILE_AT : PROFILE_AT + PROFILE_BYTES].tobytes()
        return found if any(found) else EMPTY

    @property
    def seen(self) -> dict[str, Seen]:
        """A copy of the history, oldest items first."""
        at, n = self._columns()
        rows = zip(
            *(column[:n].tolist() for column in (at.items, at.counts, at.kinds, at.times, at.bought)), strict=True
        )
        return {
            self.numbers.ids[item]: Seen(count, bought > NEVER, kind, time, max(bought, 0.0))
            for item, count, kind, time, bought in rows
        }

    @property
    def session(self) -> list[str]:
        """A copy of the items of the session's last events, newest last."""
        at, _ = self._columns()
        return [self.numbers.ids[number] for number in at.session[: at.ints[SESSION]].tolist()]

    def bought(self) -> list[tuple[str, float]]:
        """Items that were bought, and when last, oldest first; 0: at an unknown time."""
        at, n = self._columns()
        rows = np.flatnonzero(at.bought[:n] > NEVER)
        times = at.bought[rows].tolist()
        return [(self.numbers.ids[item], time) for item, time in zip(at.items[rows].tolist(), times, strict=True)]

    def _columns(self) -> tuple[Columns, int]:
        """The block's columns, and how many items it has."""
        at = columns.py_func(self.block)
        return at, int(at.ints[ROWS])


NOBODY: Final = User()  # before their first record; never changed


@lru_cache(4)  # a step asks for it, and `apply` again
def event_hash(event_id: str) -> int:
    """What is remembered of an event's id: 64 bits, signed."""
    return int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest(), signed=True)


def _by_id(event: LoggedEvent, session_id: str | None) -> int:
    return BY_SILENCE if event.session_id is session_id is None else int(event.session_id == session_id)
