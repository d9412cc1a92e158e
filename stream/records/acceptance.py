"""The rules by which every fold of `headwater.log` accepts or ignores a message.

Each fold accepts or ignores a batch as a whole, by the same comparisons, so everything that is folded from accepted
batches (users, open decisions, model) agrees on all workers.
"""

from typing import Literal, NamedTuple

import msgspec

from stream.records.log import Claim, FingerprintReport, Message, SnapshotCommitted
from stream.records.topics import NUMBER

Verdict = Literal["claimed", "accepted", "stored", "marked", "fenced", "duplicate", "gap"]


class ShardState(NamedTuple):
    """What the fold knows of one shard."""

    epoch: int  # the last claim
    seq: int  # of the batch to come
    next: dict[str, int]
    watermark: float
    changed: int = 0  # log offset after the last batch accepted
    outcomes_acked: int = 0  # log offset before which all outcomes are acknowledged
    since: int = 0  # log offset of the shard's first claim


_UNCLAIMED = ShardState(-1, 0, {}, 0.0)


class Acceptance:
    """The rules by which a fold accepts a message: a pure function of the log, the same on every worker.

    >>> from stream.records.log import Batch
    >>> rules = Acceptance()
    >>> rules.judge(Claim(2, "users/0", "a"), 7)
    'claimed'
    >>> rules.judge(Batch(2, "users/0", 7, 0, {"events.view": 3}, 0.0, []), 8)
    'accepted'
    >>> rules.judge(Batch(2, "users/0", 7, 0, {"events.view": 3}, 0.0, []), 9)
    'duplicate'
    >>> rules.judge(Batch(2, "users/0", 2, 5, {"events.view": 9}, 0.0, []), 10)
    'fenced'
    >>> rules.judge(SnapshotCommitted(2, "users/0", 7, "users", 9, 0, 1), 11)
    'stored'
    >>> rules.judge(SnapshotCommitted(2, "users/0", 7, "model", 8, 0, 1), 12)
    'stored'
    >>> rules.cut
    8
    """

    def __init__(self) -> None:
        self.shards: dict[str, ShardState] = {}
        self.stored: dict[str, SnapshotCommitted] = {}  # subject -> its newest snapshot
        self.backward = 0  # batches whose `next` went back: a bug, an alert watches it

    def judge(self, message: Message, offset: int) -> Verdict:
        """Take the message at `offset` into account; returns whether it counts, and why not.

        1. A claim: its writer owns the shard from here on. The last claim in the log wins.
        2. A batch of another claim than the last one comes from a fenced owner: ignored.
        3. A batch with another number than expected is a duplicate, or follows a gap: ignored.
        4. Else it is accepted: the next number is expected, the input positions move.
        5. A snapshot counts if the shard's owner wrote it and it is newer than the one known. A fenced owner wrote its
           chunks before the claim, so they precede all of the new owner's: what precedes the first chunk of the newest
           snapshot that counts can be deleted at any time.
        """
        if isinstance(message, FingerprintReport):
            return "marked"
        old = self.shards.get(message.shard, _UNCLAIMED)
        if isinstance(message, Claim):  # 1
            self.shards[message.shard] = old._replace(
                epoch=offset, seq=0, since=old.since if old.epoch >= 0 else offset
            )
            return "claimed"
        if message.epoch != old.epoch:  # 2
            return "fenced"
        if isinstance(message, SnapshotCommitted):  # 5
            known = self.stored.get(message.subject)
            if known is not None and message.offset <= known.offset:
                return "duplicate"
            self.stored[message.subject] = message
            return "stored"
        if message.seq != old.seq:  # 3
            return "duplicate" if message.seq < old.seq else "gap"
        if _went_back(old.next, message.next):
            self.backward += 1
        self.shards[message.shard] = ShardState(  # 4
            old.epoch,
            old.seq + 1,
            old.next | message.next,
            max(old.watermark, message.watermark),
            offset + 1,
            max(old.outcomes_acked, message.outcomes_acked),
            old.since,
        )
        return "accepted"

    @property
    def watermark(self) -> float:
        """The newest event time of all shards."""
        return max((state.watermark for state in self.shards.values()), default=0.0)

    @property
    def cut(self) -> int:
        """Offset before which the log is not needed: complete snapshots hold everything before it."""
        needed = {"model": 0} | {
            shard: state.since for shard, state in self.shards.items() if shard.startswith("users/")
        }
        return min(
            self.stored[subject].offset if subject in self.stored else start for subject, start in needed.items()
        )

    def snapshot(self) -> bytes:
        """Everything, for a snapshot of the model."""
        return msgspec.msgpack.encode((self.shards, self.stored, self.backward))

    def restore(self, data: bytes) -> None:
        """Continue from what `snapshot` returned."""
        kind = tuple[dict[str, ShardState], dict[str, SnapshotCommitted], int]
        self.shards, self.stored, self.backward = msgspec.msgpack.decode(data, type=kind)


def _went_back(old: dict[str, int], new: dict[str, int]) -> bool:
    """Whether a position went back although its topic is the same: one that was made again begins anew."""
    for topic, position in new.items():
        if position < old.get(topic, position) and not topic.endswith(NUMBER):
            number = old.get(topic + NUMBER)
            if new.get(topic + NUMBER, number) == number:
                return True
    return False
