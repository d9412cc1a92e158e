"""State of an owned shard: its users, its open and its deferred slates, and its position in the log."""

import math
from collections import OrderedDict

from stream.config import Rewards
from stream.decisions.open_slates import OpenSlates
from stream.decisions.refresh import Withdrawn
from stream.records.acceptance import ShardState
from stream.records.log import LOG_VERSION, Batch, Decision, ProfileChange, Record, Step
from stream.state.open_decisions import all_open
from stream.state.snapshot import UsersCopy
from stream.state.users import Users, apply, close

EVERY = 5  # slates: one of them is for who has waited too long


class Deferred:
    """Users whose slate is deferred; at most as many as the shard has.

    A slate is the more useful the sooner its user acts again, and that is likelier the shorter ago they acted last: who
    acted last comes first, who went away waits. One slate in `EVERY` is for who has waited too long, if anybody has.

    Examples
    --------
    >>> deferred = Deferred()
    >>> for n, user_id in enumerate(["u", "v", "w", "u"]):
    ...     deferred.add(user_id, at=float(n))
    >>> deferred.take(2, overdue=-1.0), deferred.take_overdue(EVERY, overdue=2.0)
    ([('u', 0.0), ('w', 2.0)], [('v', 1.0)])
    """

    def __init__(self) -> None:
        self._since: OrderedDict[str, float] = OrderedDict()  # who was deferred first comes first
        self._acted: OrderedDict[str, None] = OrderedDict()  # who acted last comes last
        self._turn = 0  # slates since the last turn of who has waited too long

    def __len__(self) -> int:
        return len(self._since)

    def add(self, user_id: str, at: float) -> None:
        """Defer the slate for an event that came at that time; who waits already waits on, since their first."""
        self._since.setdefault(user_id, at)
        self._acted[user_id] = None
        self._acted.move_to_end(user_id)

    def discard(self, user_id: str) -> None:
        """A slate was made, if one was deferred."""
        if self._since.pop(user_id, None) is not None:
            del self._acted[user_id]

    def clear(self) -> None:
        """Forget them all."""
        self._since.clear()
        self._acted.clear()

    def take(self, most: int, overdue: float) -> list[tuple[str, float]]:
        """Take out users whose slates are to be made now, and since when each has waited.

        Parameters
        ----------
        most : users
        overdue : who was deferred before that time has waited too long
        """
        found = list[tuple[str, float]]()
        while self._since and len(found) < most:
            late = self.take_overdue(1, overdue)
            if late:
                found += late
            else:
                user_id, _ = self._acted.popitem()
                found.append((user_id, self._since.pop(user_id)))
        return found

    def take_overdue(self, slates: int, overdue: float) -> list[tuple[str, float]]:
        """Take out those who have waited too long and whose turn it is among so many slates, in the same form."""
        turns, self._turn = divmod(self._turn + slates, EVERY)
        found = list[tuple[str, float]]()
        while len(found) < turns and self._since and (first := next(iter(self._since.items())))[1] < overdue:
            self.discard(first[0])
            found.append(first)
        return found


class Shard:
    """One shard of the users and the claim under which its owner writes.

    Parameters
    ----------
    id_ : of the shard, `users/0`
    epoch : log offset of the owner's claim
    users, watermark : as recovered from the log; without them the shard is new
    """

    def __init__(
        self, id_: str, epoch: int, rewards: Rewards, *, users: Users | None = None, watermark: float = 0.0
    ) -> None:
        self.id, self.epoch, self.seq, self.rewards = id_, epoch, 0, rewards
        self.users = Users() if users is None else users
        self.watermark = watermark  # highest event time so far, unix seconds
        self.next: dict[str, int] = {}  # topic (without namespace) -> position of the next record to take
        self._passed: dict[str, int] = {}  # positions that the log does not have yet, since there was nothing to log
        self.pending = 0  # records created, but not folded yet
        self.outcomes_acked = 0  # log offset before which all outcomes are acknowledged
        self.copy: UsersCopy | None = None  # of a snapshot under way
        self.deferred = Deferred()
        self.unanswered = OpenSlates(self.users)  # to be settled by silence
        self.ageing = OpenSlates(self.users)  # to be refreshed; each is tried once
        self.withdrawn = Withdrawn(self.users)  # to be refreshed, for they show what is withdrawn
        for user_id, user in self.users.items():
            for decision in all_open(user):
                self.opened(user_id, decision, decision.time)
            lacks = user.open is None or user.open.time < user.time
            if lacks and user.events and user.time > watermark - rewards.attribution_window_s:
                self.deferred.add(user_id, -math.inf)  # not settled by silence, so a former owner deferred it

    def apply(self, record: Step | ProfileChange) -> None:
        """Change a user by one record."""
        if self.copy is not None:
            self.copy.keep(record.user_id)
        apply(self.users, record, self.rewards.session_gap_s)

    def message(self, records: list[Record], next_: dict[str, int], *, last: bool) -> Batch:
        """Close a batch: number it, move the positions, drop idle users at the last one of a poll.

        Not earlier: records of the poll's later batches are applied already. The first batch of a claim holds its start
        in every topic: records before it were taken in, or deleted, and the next owner does not report them as lost.
        """
        next_ = (self._passed if self.seq else self.next) | next_
        self._passed = {}
        idle_before = self.watermark - self.rewards.idle_s if last else 0.0
        message = Batch(
            LOG_VERSION, self.id, self.epoch, self.seq, next_, self.watermark, records, self.outcomes_acked, idle_before
        )
        close(self.users, message, self._keep)
        self.seq += 1
        self.next |= next_
        self.pending += len(records)
        return message

    def pass_over(self, next_: dict[str, int]) -> None:
        """Move the positions without a message, past records of which nothing is made; the next message logs them."""
        self.next |= next_
        self._passed |= next_

    def start_copy(self) -> UsersCopy:
        """Begin to copy all users as they are now, after the batches numbered so far."""
        state = ShardState(self.epoch, self.seq, dict(self.next), self.watermark)
        self.copy = UsersCopy(self.users, state)
        return self.copy

    def opened(self, user_id: str, decision: Decision, at: float) -> None:
        """Take in a decision made when the watermark stood at `at`: to be refreshed, or settled by silence."""
        at = max(at, decision.time)
        self.unanswered.add(user_id, decision.decision_id, at)
        self.ageing.add(user_id, decision.decision_id, at)

    def overdue(self, before: float) -> list[tuple[str, Decision]]:
        """Take out the open decisions made before that event time, oldest first."""
        found = []
        while (oldest := self.unanswered.pop(before)) is not None:
            found.append((oldest.user_id, oldest.decision))
        return found

    def _keep(self, user_id: str) -> None:
        if self.copy is not None:
            self.copy.keep(user_id)
