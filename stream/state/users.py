"""What a source's owner knows of each user, and `apply`, the one function that changes it."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import islice, takewhile
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from learners import NEVER, PURCHASE, Past
from learners.profiles.profiles import Touch, update
from stream.records.log import Batch, Decision, ItemSnapshot, LoggedEvent, ProfileChange, Step
from stream.records.schemas import Scalar

SEEN_ITEMS = 200  # distinct items remembered per user
RECENT_ITEMS = 50  # of which so many are proposed again
CONTEXT_ITEMS = 10  # and so many travel in the log as the learners' context
SESSION_ITEMS = 20  # events of the session, the learners' weight of an older one is below 0.5 %
PAID_ITEMS = 50  # bought from slates, whose return takes revenue back
EVENT_IDS = 128  # a producer's retry arrives within so many of the user's own events
PAST = np.dtype([("gap", "<f4"), ("bought", "<f4"), ("count", "u1"), ("kind", "u1")])  # of an item, as it is logged


class Seen(Struct, array_like=True, gc=False):
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


class User(Struct, array_like=True):
    """A user's state: a fold of the accepted steps. Every field is bounded."""

    seen: dict[str, Seen] = {}  # oldest first
    session: list[str] = []  # items of the session's last events, newest last
    session_id: str | None = None
    depth: int = 0  # events of the session
    events: int = 0
    repeats: int = 0  # events on an item seen before
    immediate: int = 0  # events on the item of the event before
    twice: bool = False  # whether the last two events were on the same item
    time: float = 0.0  # of the newest event, unix seconds
    event_ids: dict[int, Literal[True]] = {}  # hashes, oldest first
    open: Decision | None = None
    attributes: dict[str, Scalar] = {}
    touched: float = 0.0  # the source's watermark at the last record
    traits: dict[str, str] = {}  # groups the user was last seen in: country, device, segment
    profile: bytes = b""  # see learners.profiles.profiles
    enrolled: str = ""  # experiment and variant that counted this user last
    paid: dict[str, Paid] = {}  # by item, the oldest first

    def recent(self, n: int) -> list[str]:
        """Distinct items, newest first, at most `n`."""
        return list(islice(reversed(self.seen), n))

    def knows_event(self, event_id: str) -> bool:
        """Whether this event was applied already (among the last `EVENT_IDS`)."""
        return _hash(event_id) in self.event_ids

    def continues_session(self, event: LoggedEvent, session_gap_s: float) -> bool:
        """Whether `event` belongs to the session under way: same id, or no id and no long silence."""
        if self.events == 0:
            return False
        if event.session_id is not None or self.session_id is not None:
            return event.session_id == self.session_id
        return event.time - self.time <= session_gap_s


Users = OrderedDict[str, User]  # last touched last


def apply(users: Users, record: Step | ProfileChange, session_gap_s: float) -> None:
    """Change `users` by one record. Owner and recovery both use it; nothing else changes a user.

    1. forget or update attributes, if that is what the record says
    2. close the open decision if the record settles it
    3. take the event into history and session
    4. open the new decision
    """
    if isinstance(record, ProfileChange):  # 1
        if record.attributes is None:
            users.pop(record.user_id, None)
        else:
            users.setdefault(record.user_id, User()).attributes = record.attributes
        return
    user = users.setdefault(record.user_id, User())
    if record.settled is not None:  # 2
        user.open = None
    if record.event is not None and record.event.returned:
        _take_back(user, record.event)
    elif record.event is not None:  # 3
        _note_paid(user, record)
        if record.touched is not None:
            user.profile = update(user.profile, _touch(user, record.event, record.touched, session_gap_s))
        _remember(user, record.event, session_gap_s)
        user.traits = record.traits
    if record.decision is not None:  # 4
        user.open = record.decision
        if record.decision.enrols:
            user.enrolled = enrolment(record.decision)


def enrolment(decision: Decision) -> str:
    """What is remembered of the variant that a user was counted in."""
    return f"{decision.experiment}/{decision.variant}"


def close(users: Users, batch: Batch, leaving: Callable[[str], None] | None = None) -> None:
    """End a batch: drop idle users; `leaving` is called with each before.

    Owner and recovery both call it after the last record of every batch.
    """
    for record in batch.records:
        if isinstance(record, Step | ProfileChange) and record.user_id in users:
            users[record.user_id].touched = batch.watermark
            users.move_to_end(record.user_id)
    for user_id in list(takewhile(lambda user_id: users[user_id].touched < batch.idle_before, users)):
        if leaving is not None:
            leaving(user_id)
        del users[user_id]


def _note_paid(user: User, step: Step) -> None:
    """Keep what a purchase from a slate brought in, in case that it comes back."""
    event, settled = step.event, step.settled
    if event is None or settled is None or settled.hit < 0 or event.revenue == 0.0:
        return
    before = user.paid.pop(event.item_id, None)
    amount = event.revenue + (0.0 if before is None else before.amount)
    user.paid[event.item_id] = Paid(amount, settled.experiment, settled.variant)
    while len(user.paid) > PAID_ITEMS:
        del user.paid[next(iter(user.paid))]


def _take_back(user: User, event: LoggedEvent) -> None:
    """A return is remembered by its id; it is no sign of what the user likes, nor of a session."""
    paid = user.paid.get(event.item_id)
    if paid is not None:
        paid.amount += event.revenue
        if paid.amount <= 0.0:
            del user.paid[event.item_id]
    _note_id(user, event)


def _note_id(user: User, event: LoggedEvent) -> None:
    user.event_ids[_hash(event.event_id)] = True
    while len(user.event_ids) > EVENT_IDS:
        del user.event_ids[next(iter(user.event_ids))]


def _remember(user: User, event: LoggedEvent, session_gap_s: float) -> None:
    late = event.time < user.time
    if not user.continues_session(event, session_gap_s) and not late:
        user.session, user.depth, user.session_id = [], 0, event.session_id
    last = next(reversed(user.seen), None)
    old = user.seen.get(event.item_id)
    user.events += 1
    user.depth += 1
    user.repeats += old is not None
    user.immediate += last == event.item_id
    bought = event.kind == PURCHASE or (old is not None and old.bought)
    bought_at = max(event.time if event.kind == PURCHASE else 0.0, 0.0 if old is None else old.bought_at)
    new = Seen(1 if old is None else old.times + 1, bought, event.kind, event.time, bought_at)
    if late:
        _insert_late(user, event.item_id, old, new)
    else:
        user.seen.pop(event.item_id, None)
        user.seen[event.item_id] = new  # a dict keeps insertion order: the newest is last
        user.time, user.twice = event.time, last == event.item_id
        user.session.append(event.item_id)
        del user.session[:-SESSION_ITEMS]
    while len(user.seen) > SEEN_ITEMS:
        del user.seen[next(iter(user.seen))]
    _note_id(user, event)


def _insert_late(user: User, item_id: str, old: Seen | None, new: Seen) -> None:
    """An event out of order counts, but does not become the newest."""
    if old is not None and old.time >= new.time:
        old.times, old.bought, old.bought_at = new.times, new.bought, new.bought_at
        return
    user.seen[item_id] = new
    user.seen = dict(sorted(user.seen.items(), key=lambda entry: entry[1].time))  # stable: ties keep their order


def number(user_id: str) -> int:
    """The number, of 64 bits and signed, by which learners know a user; never 0, which is nobody.

    >>> number("ada")
    1562989052550317351
    """
    return int.from_bytes(blake2b(user_id.encode(), digest_size=8).digest(), signed=True) or 1


def past_of(entries: Sequence[Seen]) -> Past:
    """The user's past events on some items, as learners get them."""
    n = len(entries)
    return Past(
        np.fromiter((entry.time for entry in entries), np.float64, n),
        np.fromiter((entry.times for entry in entries), np.int32, n),
        np.fromiter((entry.kind for entry in entries), np.uint8, n),
        np.fromiter((entry.bought_at or NEVER for entry in entries), np.float64, n),
    )


def pack_past(entries: Sequence[Seen], now: float) -> bytes:
    """The same for the log, 10 bytes an item: times as seconds before `now`."""
    rows = [(now - e.time, now - (e.bought_at or NEVER), min(e.times, 255), e.kind) for e in entries]
    return np.array(rows, PAST).tobytes()


def unpack_past(data: bytes, now: float | NDArray[np.float64]) -> Past:
    """Read what `pack_past` wrote; `now` may be one for each item."""
    rows = np.frombuffer(data, PAST)
    return Past(
        now - rows["gap"].astype(np.float64), rows["count"].astype(np.int32), rows["kind"].copy(),
        now - rows["bought"].astype(np.float64),
    )  # fmt: skip


def _touch(user: User, event: LoggedEvent, item: ItemSnapshot, session_gap_s: float) -> Touch:
    return Touch(
        event.kind, event.time, item.category, item.price, repeated=event.item_id in user.seen,
        new_session=not user.continues_session(event, session_gap_s),
    )  # fmt: skip


def _hash(event_id: str) -> int:
    return int.from_bytes(blake2b(event_id.encode(), digest_size=8).digest())
