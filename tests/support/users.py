"""Users of a shard, to be compared and to be made up."""

from collections.abc import Sequence

import numpy as np

from learners import NEVER
from stream.records.log import LoggedEvent, Step
from stream.state.stored_users import encode_user
from stream.state.user import Seen, User
from stream.state.user_block import PAST
from stream.state.users import Users, apply

GAP = 1800.0


def encoded(users: Users) -> bytes:
    """Users as bytes, in their order: equal if and only if the users are."""
    return b"".join(encode_user(user_id, user) for user_id, user in users.items())


def live(*events: LoggedEvent) -> User:
    """A user with this life."""
    users = Users()
    for event in events:
        apply(users, Step("u", event, [], 0, None, None, None), GAP)
    return users["u"]


def packed_past(entries: Sequence[Seen], now: float) -> bytes:
    """The `past` of a step at event time `now`."""
    rows = [(now - e.time, now - (e.bought_at or NEVER), min(e.times, 255), e.kind) for e in entries]
    return np.array(rows, PAST).tobytes()
