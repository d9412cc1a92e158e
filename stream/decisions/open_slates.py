"""Open slates, the oldest first; `engine` decides when they are settled or refreshed."""

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from stream.records.log import Decision
from stream.state.user import User


class OpenSlate(NamedTuple):
    """A slate that no event has settled yet."""

    at: float  # watermark when it was made, or its own time if that is later; unix seconds
    user_id: str
    user: User
    decision: Decision


class OpenSlates:
    """A heap by age. Settled slates leave it late: it holds at most 1,000 entries and two for each user.

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

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, user_id: str, decision_id: str, at: float) -> None:
        """Take in a slate that was made when the watermark stood at `at`."""
        heappush(self._heap, (at, user_id, decision_id))
        if len(self._heap) > 2 * len(self._users) + 1_000:  # most of them are settled
            self._heap = [entry for entry in self._heap if self._open(entry) is not None]
            heapify(self._heap)

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
        if user is None or user.open is None or user.open.decision_id != decision_id:
            return None
        return OpenSlate(at, user_id, user, user.open)
