"""Open slates of all placements, the oldest first; `engine` decides when they are settled or refreshed."""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from stream.records.log import Decision
from stream.state.open_decisions import find_open
from stream.state.user import User

ROOM = 1_000


class OpenSlate(NamedTuple):
    """A slate that no event has settled yet."""

    at: float  # watermark when it was made, or its own time if that is later; unix seconds
    user_id: str
    user: User
    decision: Decision


class OpenSlates:
    """A heap by age.

    Settled slates leave it late: it holds at most 1,000 entries and two for each user, or two for each slate that was
    open when it was last tidied up, if that is more.

    Parameters
    ----------
    users : of the shard, as they change

    Examples
    --------
    >>> OpenSlates({}).pop(9.0) is None
    True
    """

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = users
        self._heap: list[tuple[float, str, str]] = []  # (at, user, decision)
        self._open_then = 0  # entries when it was last tidied up

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, user_id: str, decision_id: str, at: float) -> None:
        """Take in a slate that was made when the watermark stood at `at`."""
        heappush(self._heap, (at, user_id, decision_id))
        if len(self._heap) > 2 * max(len(self._users), self._open_then) + ROOM:  # most of them are settled
            self._heap = [entry for entry in self._heap if self._open(entry) is not None]
            heapify(self._heap)
            self._open_then = len(self._heap)

    def pop(self, before: float) -> OpenSlate | None:
        """Take out the oldest slate that is still open, if it was made before that event time."""
        while self._heap and self._heap[0][0] < before:
            found = self._open(heappop(self._heap))
            if found is not None:
                return found
        return None

    def _open(self, entry: tuple[float, str, str]) -> OpenSlate | None:
        at, user_id, decision_id = entry
        user = self._users.get(user_id)
        decision = None if user is None else find_open(user, decision_id)
        return None if user is None or decision is None else OpenSlate(at, user_id, user, decision)
