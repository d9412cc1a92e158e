"""Lists that grow stale while their users do nothing: which of them are worth a new one.

A list is as old as the event that caused it. Where trends move, the lists of users who are still around are made anew
when there is capacity, the oldest first. Times are event times, compared with the watermark of the source: nothing
ages while no event comes.
"""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from stream.state.users import User


class Limits(NamedTuple):
    """Whose list is made anew, in event time."""

    made_before: float  # the list
    active_since: float  # the user
    silent_before: float  # a list made before is settled by silence instead


class Ageing:
    """Open slates, the oldest first.

    A user who is no longer active is dropped: only an event can bring him back, and that makes a new list, or none.

    Parameters
    ----------
    users : of the source, as they change

    Examples
    --------
    >>> Ageing({}).stale(Limits(9.0, 0.0, 0.0), 5)
    []
    """

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = users
        self._heap: list[tuple[float, str, str]] = []  # (made at, user, decision), some answered by now

    def __len__(self) -> int:
        return len(self._heap)

    def opened(self, user_id: str, decision_id: str, at: float) -> None:
        """A slate was made when the watermark stood at `at`."""
        heappush(self._heap, (at, user_id, decision_id))
        if len(self._heap) > 2 * len(self._users) + 1_000:  # most of them were answered long ago
            self._heap = [entry for entry in self._heap if self._is_open(entry)]
            heapify(self._heap)

    def stale(self, limits: Limits, most: int) -> list[str]:
        """Take out users whose open slate should be made anew, at most so many, the oldest slate first."""
        found: list[str] = []
        while len(found) < most and self._heap and self._heap[0][0] < limits.made_before:
            entry = heappop(self._heap)
            at, user_id, _ = entry
            if self._is_open(entry) and at >= limits.silent_before and self._users[user_id].time >= limits.active_since:
                found.append(user_id)
        return found

    def _is_open(self, entry: tuple[float, str, str]) -> bool:
        user = self._users.get(entry[1])
        return user is not None and user.open is not None and user.open.decision_id == entry[2]
