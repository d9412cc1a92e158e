"""How a worker takes over a shard: claim it in the log, then fold its users up to that claim.

1. write `claim(shard)` with a token of one's own, and fold the log to the first copy of it: its offset is `epoch`. The
   shard's positions are exact there for good: later messages of older claims are ignored by everyone
2. load the newest snapshot of its users that the log up to `epoch` names, of offset L; without one, start empty
3. apply the accepted batches of the shard in [L, base)
4. read every input topic on from the positions; the first batch has number 0
5. write again the outcomes that the former owner does not say are acknowledged

Slates are not published again: what the log accepted was acknowledged before. Where a former owner has published a
later one that the log did not accept, its event is read again, and makes the next slate of that user.

No input event is ever processed a second time as a "replay": what the log accepted before `epoch` is taken from the
log, and what it did not accept is read again from the input.
"""

from typing import NamedTuple

from stream.decisions.publish import outcomes
from stream.records.acceptance import Acceptance, ShardState
from stream.records.log import Batch, Message, ProfileChange, SnapshotCommitted, Step
from stream.records.schemas import Outcome
from stream.state.snapshot import users_of
from stream.state.users import Users, apply, close


class Claimed(NamedTuple):
    """What the fold knew of a shard when it met the own claim."""

    epoch: int
    state: ShardState
    snapshot: SnapshotCommitted | None


class Recovery:
    """The fold of one shard's users, from a snapshot to the claim: steps 2, 3 and 5.

    Parameters
    ----------
    parts : of the snapshot that `claimed` names
    lists : names of the sources of slots
    """

    def __init__(
        self, shard: str, claimed: Claimed, parts: list[bytes], session_gap_s: float, lists: tuple[str, ...]
    ) -> None:
        self.shard, self.claimed, self.session_gap_s, self.lists = shard, claimed, session_gap_s, lists
        self.users = Users()
        self.start = claimed.state.since  # where to read the log from
        self.end = claimed.state.changed  # and to where: from there to the claim nothing was accepted
        self.outcomes: list[Outcome] = []  # not known to be acknowledged
        self._rules = Acceptance()
        if claimed.snapshot is not None:  # 2
            state, self.users = users_of(parts)
            self._rules.shards[shard] = state
            self.start = claimed.snapshot.offset

    def read(self, message: Message, offset: int) -> None:
        """Take the log message at `offset`; those outside [L, base) and of other sources change nothing."""
        if message.shard != self.shard or not self.start <= offset < self.end:
            return
        if self._rules.judge(message, offset) == "accepted" and isinstance(message, Batch):
            self._apply(message, offset)

    def _apply(self, batch: Batch, offset: int) -> None:
        for record in batch.records:  # 3
            if isinstance(record, Step | ProfileChange):
                apply(self.users, record, self.session_gap_s)
        close(self.users, batch)
        if offset >= self.claimed.state.outcomes_acked:  # 5
            self.outcomes += outcomes(batch, self.lists)
