"""The users of a shard, and `apply`, the one function that changes one."""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from learners import Past
from stream.records.log import Batch, Decision, LoggedEvent, ProfileChange, Settlement, Step
from stream.state.item_numbers import ItemNumbers
from stream.state.open_decisions import close_open, put_open
from stream.state.user import Paid, User
from stream.state.user_block import PAST

RECENT_ITEMS = 50  # newest items that are proposed again
PAID_ITEMS = 50  # bought from slates, whose return takes revenue back
_NUMBERS = 1024  # of users, that are kept
SHARED_TRAITS = 4096  # combinations of groups whose users share one object


class Users(OrderedDict[str, User]):
    """Users by id, the last touched last."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = ItemNumbers()

    def drop(self, user_id: str) -> None:
        """Take a user out, if they are there."""
        user = self.pop(user_id, None)
        if user is not None:
            user.leave()


def apply(users: Users, record: Step | ProfileChange, session_gap_s: float) -> None:
    """Change `users` by one record. Owner and recovery both use it; nothing else changes a user.

    1. forget or update attributes, if that is what the record says
    2. close the open decision that the record settles
    3. take the event into history and session
    4. open the new decision
    5. forget who has done nothing and is waited for no more: a slate was made for a stranger, and silence settled it
    """
    if isinstance(record, ProfileChange):  # 1
        if record.attributes is None:
            users.drop(record.user_id)
        else:
            _user(users, record.user_id).attributes = record.attributes
        return
    user = _user(users, record.user_id)
    if record.settled is not None:  # 2
        close_open(user, record.settled)
    if record.event is not None and record.event.returned:
        _take_back(user, record.event)
    elif record.event is not None:  # 3
        if record.settled is not None and record.settled.hit >= 0:
            _note_paid(user, record.event, record.settled)
        user.remember(record.event, record.touched, session_gap_s)
        if user.traits != record.traits:
            user.traits = _shared(tuple(record.traits.items()))
    if record.decision is not None:  # 4
        put_open(user, record.decision)
        if record.decision.enrols:
            user.enrolled = enrolment(record.decision)
    elif record.event is None and user.unknown:  # 5
        users.drop(record.user_id)


def enrolment(decision: Decision) -> str:
    """What is remembered of the variant that a user was counted in."""
    return f"{decision.experiment}/{decision.variant}"


def close(users: Users, batch: Batch, leaving: Callable[[str], None] | None = None) -> None:
    """End a batch: drop idle users; `leaving` is called with each before, and with those of whom the time changes.

    Owner and recovery both call it after the last record of every batch. Who came before the shard's first event, by
    attributes or a request, is counted from that event on: before it there was no event time.
    """
    for record in batch.records:
        if isinstance(record, (Step, ProfileChange)) and (user := users.get(record.user_id)) is not None:
            user.touch(batch.watermark)
            users.move_to_end(record.user_id)
    idle = []
    for user_id, user in users.items():  # the last touched last
        if user.touched >= batch.idle_before:
            break
        idle.append(user_id)
    for user_id in idle:
        if leaving is not None:
            leaving(user_id)
        if users[user_id].touched == 0.0:
            users[user_id].touch(batch.watermark)
            users.move_to_end(user_id)
        else:
            users.drop(user_id)


def _user(users: Users, user_id: str) -> User:
    found = users.get(user_id)
    if found is None:
        found = users[user_id] = User(users.numbers)
    return found


@lru_cache(SHARED_TRAITS)
def _shared(traits: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(traits)


def _note_paid(user: User, event: LoggedEvent, settled: Settlement) -> None:
    """Keep what a purchase from a slate brought in, in case that it comes back."""
    if event.revenue == 0.0:
        return
    user.paid = dict(user.paid)
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
    user.note(event)


@lru_cache(_NUMBERS)  # a slate asks for it, and learning again
def number(user_id: str) -> int:
    """The number, of 64 bits and signed, by which learners know a user; never 0, which is nobody.

    >>> number("ada")
    1562989052550317351
    """
    return int.from_bytes(blake2b(user_id.encode(), digest_size=8).digest(), signed=True) or 1


def unpack_past(data: bytes, now: float | NDArray[np.float64]) -> Past:
    """Read the `past` of a step at event time `now`, which may be one for each item."""
    rows = np.frombuffer(data, PAST)
    return Past(
        now - rows["gap"].astype(np.float64), rows["count"].astype(np.int32), rows["kind"].copy(),
        now - rows["bought"].astype(np.float64),
    )  # fmt: skip
