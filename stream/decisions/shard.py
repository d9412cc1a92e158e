"""State of an owned shard: its users, its open slates, and its position in the log."""

from stream.config import Rewards
from stream.decisions.open_slates import OpenSlates
from stream.decisions.refresh import Withdrawn
from stream.records.acceptance import ShardState
from stream.records.log import LOG_VERSION, Batch, Decision, ProfileChange, Record, Step
from stream.state.snapshot import UsersCopy
from stream.state.users import Users, apply, close


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
        self.pending = 0  # records created, but not folded yet
        self.outcomes_acked = 0  # log offset before which all outcomes are acknowledged
        self.copy: UsersCopy | None = None  # of a snapshot under way
        self.deferred: dict[str, float] = {}  # users whose slate was deferred, and since when (unix seconds)
        self.unanswered = OpenSlates(self.users)  # to be settled by silence
        self.ageing = OpenSlates(self.users)  # to be refreshed; each is tried once
        self.withdrawn = Withdrawn(self.users)  # to be refreshed, for they show what is withdrawn
        for user_id, user in self.users.items():
            if user.open is not None:
                self.opened(user_id, user.open, user.open.time)
            elif user.events and user.time > watermark - rewards.attribution_window_s:
                self.deferred[user_id] = 0.0  # not settled by silence, so a former owner deferred it

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
        next_ = next_ if self.seq else self.next | next_
        idle_before = self.watermark - self.rewards.idle_s if last else 0.0
        message = Batch(
            LOG_VERSION, self.id, self.epoch, self.seq, next_, self.watermark, records, self.outcomes_acked, idle_before
        )
        close(self.users, message, self._keep)
        self.seq += 1
        self.next |= next_
        self.pending += len(records)
        return message

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
