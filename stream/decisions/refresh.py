"""Which open slates are refreshed.

A slate is as old as the event that caused it. Where trends move, the slates of users who are still active are refreshed
when there is capacity, the oldest first. Times are event times, compared with the watermark of the shard: nothing ages
while no event comes.

And slates that show what the catalogue has withdrawn since. An index from items to the slates that show them would cost
twenty entries for every user, for something that is seldom asked. So a withdrawal starts a walk over the users of the
shard, a few hundred at a time in the pauses between polls, and the worst slates found are replaced first.
"""

from heapq import heappop, heappush
from typing import NamedTuple

from learners import INELIGIBLE, Vocabulary
from stream.decisions.open_slates import OpenSlates
from stream.records.log import Decision
from stream.state.catalogue import Catalogue
from stream.state.open_decisions import all_open, open_at
from stream.state.users import Users

AT_ONCE = 500  # users looked at in one go, some 2 ms


class Limits(NamedTuple):
    """Whose slate is refreshed, in event time."""

    made_before: float  # the slate
    active_since: float  # the user
    silent_before: float  # a slate made before is settled by silence instead


def stale(slates: OpenSlates, limits: Limits, most: int) -> list[tuple[str, str]]:
    """Take out users and placements whose open slate should be refreshed, at most so many, the oldest slate first.

    A user who is no longer active is dropped: only an event brings them back, and that makes a new slate, or none.

    >>> stale(OpenSlates({}), Limits(9.0, 0.0, 0.0), 5)
    []
    """
    found: list[tuple[str, str]] = []
    while len(found) < most and (oldest := slates.pop(limits.made_before)) is not None:
        if oldest.at >= limits.silent_before and oldest.user.time >= limits.active_since:
            found.append((oldest.user_id, oldest.decision.placement))
    return found


class Withdrawn:
    """The walk over the users of one shard.

    Parameters
    ----------
    users : of the shard, as they change
    """

    def __init__(self, users: Users) -> None:
        self._users = users
        self._known = -1  # withdrawals when the walk began; -1: what a former owner left undone is looked for, too
        self._left: list[str] = []
        self._worst: list[tuple[int, str, str]] = []  # a heap: less the number of withdrawn slots; user and placement

    def take(self, catalogue: Catalogue, vocabulary: Vocabulary, most: int) -> list[tuple[str, str]]:
        """Go on with the walk; take out users and placements with withdrawn items on an open slate, the worst found."""
        if catalogue.withdrawals != self._known:
            self._known, self._left, self._worst = catalogue.withdrawals, list(self._users), []
        for user_id in self._left[-AT_ONCE:]:
            user = self._users.get(user_id)
            for slate in [] if user is None else all_open(user):
                if count := withdrawn_slots(slate, catalogue, vocabulary):
                    heappush(self._worst, (-count, user_id, slate.placement))
        del self._left[-AT_ONCE:]
        found = list[tuple[str, str]]()
        while self._worst and len(found) < most:
            _, user_id, placement = heappop(self._worst)
            user = self._users.get(user_id)
            decision = None if user is None else open_at(user, placement)
            # An event may have brought a new one.
            if decision is not None and withdrawn_slots(decision, catalogue, vocabulary):
                found.append((user_id, placement))
        return found


def withdrawn_slots(decision: Decision, catalogue: Catalogue, vocabulary: Vocabulary) -> int:
    """How many places of a slate show an item that may not be shown any more."""
    return sum(item >= 0 and catalogue.blocked[item] == INELIGIBLE for item in vocabulary.places(decision.slate))
