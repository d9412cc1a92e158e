"""The messages of `headwater.log`, the only truth, in their final shape; and the rules by which a fold accepts them.

A *claim* makes its writer the owner of a shard; the offset at which the log holds it is the claim's id, `epoch`. A
*batch* carries the records that the owner made of one poll, the number of the batch within the claim, and the input
positions after it. Whoever folds the log accepts or ignores a batch as a whole, by the same comparisons, so all that is
folded from accepted batches (users, open decisions, model) agrees everywhere. *SnapshotCommitted* says that a snapshot is whole;
what lies before all snapshots may be cut off. A *mark* is one worker's fingerprint of the model.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from stream.records.schemas import KINDS, Event, EventType, Experiment, Item, OutcomeType, Scalar
from stream.records.topics import EVENT_TOPICS, USER_TOPICS

LOG_VERSION = 4


class LoggedEvent(Struct, frozen=True, array_like=True, gc=False):
    """An event as it goes into the log: where it came from and what it says."""

    topic: int  # index in topics.USER_TOPICS
    offset: int
    event_id: str
    item_id: str
    kind: int  # index in schemas.KINDS
    time: float  # event time, unix seconds
    session_id: str | None
    decision_id: str | None
    price: float | None = None
    traits: dict[str, str] = {}  # groups that the event tells of: country, device


def logged_event(event: Event, kind: EventType, offset: int, traits: Iterable[str] = ()) -> LoggedEvent:
    """An event of its kind's topic for the log; of its context only the texts under the names of `traits`."""
    context = {name: value for name in traits if isinstance(value := event.context.get(name), str)}
    return LoggedEvent(
        USER_TOPICS.index(EVENT_TOPICS[kind]), offset, event.event_id, event.item_id, KINDS.index(kind),
        event.timestamp, event.session_id, event.decision_id, event.price, context,
    )  # fmt: skip


class Rows(Struct, frozen=True, array_like=True, gc=False):
    """What the ranker learns from one settled step: quantised features of the item taken and of some not taken.

    The item taken comes first, if it was a candidate; then a uniform sample of the others; then some of the others that
    scored high. Only the uniform ones stand for all.
    """

    features: bytes  # uint8 [rows, features]: value / 255
    taken: bool  # whether the first row is the item taken
    uniform: int  # rows of the uniform sample
    rate: float  # share of the candidates not taken that these are, in (0, 1]


class Decision(Struct, frozen=True, array_like=True, gc=False):
    """A slate with all that is needed to learn from it, audit it and evaluate other policies on it."""

    decision_id: str
    time: float  # event time at which it was made
    policy: str
    epsilon: float
    model_version: int  # log offset that the model had folded
    state: int  # of the policy
    items: list[str]  # every item of the lists, once; the slate's come first, in order
    sources: bytes  # uint8 [slots]: the list each slot was drawn from
    offered_ranks: (
        bytes  # uint8 [slots, lists]: index of each list's head; + 128: it was another item; 255: the list was dry
    )
    propensities: bytes  # float32 [slots]: P(item | items above)
    scores: bytes  # float32 [slots]: ranking score
    lists: bytes  # uint16 [lists, k]: candidate lists as indices in `items`, 65535 pads
    experiment: str = ""  # that the user takes part in
    variant: str = ""  # of it, that made the slate
    enrols: bool = False  # whether it is the user's first of this variant
    shadow: list[str] = []  # slate of the policy that only looks on

    @property
    def slate(self) -> list[str]:
        """The items shown, from the top."""
        return self.items[: len(self.sources)]


class Settlement(Struct, frozen=True, array_like=True, gc=False):
    """What became of a decision. It repeats what learners need of it: replicas do not know each other's users."""

    decision_id: str
    outcome: OutcomeType
    hit: int  # slot, or -1
    reward: float
    discount: float  # 0 at the end of a session
    decided_at: float
    settled_at: float
    policy: str
    state: int
    slate: list[str]
    sources: bytes
    offered_ranks: bytes
    propensities: bytes
    lists: bytes = b""  # of the decision: without them no other policy could be judged by what became of it
    experiment: str = ""
    variant: str = ""
    shadow: list[str] = []


class ItemSnapshot(Struct, frozen=True, array_like=True, gc=False):
    """What the catalogue said of an event's item when it was taken in: of it the user's profile is made."""

    category: int  # of the item, 0: unknown
    price: float | None


class SessionEnd(Struct, frozen=True, array_like=True, gc=False):
    """A session that ended, for segments to learn from."""

    profile: bytes  # uint8 [profiles.NAMES]: value / 255
    attributes: dict[str, Scalar]  # of the user, as catalog.users has them


class Step(Struct, frozen=True, array_like=True, tag="step", gc=False):
    """One step of a user: an event (or silence), what it settled, and the decision made on it."""

    user_id: str
    event: LoggedEvent | None  # None: the watermark passed an open decision
    recent: list[str]  # distinct items before the event, newest first: the learners' context
    session_items: int  # how many of `recent` belong to the session that the event continues
    settled: Settlement | None
    decision: Decision | None
    rows: Rows | None
    traits: dict[str, str] = {}  # groups that the user belongs to at the event: country, device, segment
    past: bytes = b""  # what the user had done with each of `recent`, see `users.pack_past`
    touched: ItemSnapshot | None = None
    ended: SessionEnd | None = None  # the session before, if the event begins a new one

    @classmethod
    def without_event(
        cls, user_id: str, *, settled: Settlement | None = None, decision: Decision | None = None
    ) -> "Step":
        """A step that no event caused: silence settled a slate, or one was made later than its event."""
        return Step(user_id, None, [], 0, settled, decision, None)

    def made(self) -> Decision | None:
        """The decision made on the event."""
        return self.decision


class SealedStep(Step, frozen=True, array_like=True, tag="step", gc=False):
    """The same as a replica reads it: the decision, most of the bytes, stays packed until somebody asks for it."""

    decision: msgspec.Raw  # type: ignore[assignment]

    def made(self) -> Decision | None:
        """The decision made on the event."""
        return _DECISION.decode(self.decision)


class ProfileChange(Struct, frozen=True, array_like=True, tag="user", gc=False):
    """A record of catalog.users; None forgets the user."""

    user_id: str
    attributes: dict[str, Scalar] | None


class ItemChange(Struct, frozen=True, array_like=True, tag="item", gc=False):
    """A record of catalog.items; None takes the item off every list."""

    item_id: str
    item: Item | None


class ExperimentChange(Struct, frozen=True, array_like=True, tag="experiment", gc=False):
    """A record of experiments; None ends the one of this name."""

    name: str
    experiment: Experiment | None


Record = Step | ProfileChange | ItemChange | ExperimentChange


class Claim(Struct, frozen=True, array_like=True, tag="claim", gc=False):
    """`token` belongs to the one who writes it and to this claim alone."""

    version: int
    shard: str
    token: str


class Batch(Struct, frozen=True, array_like=True, tag="batch", gc=False):
    """All that a shard's owner made of one poll."""

    version: int
    shard: str
    epoch: int  # the owner's claim
    seq: int  # 0, 1, 2, ... within the claim
    next: dict[str, int]  # topic (without namespace) -> input position after this batch
    watermark: float  # highest event time of the shard so far
    records: list[Record]
    outcomes_acked: int = 0  # log offset before which all outcomes of the shard are acknowledged
    idle_before: float = 0.0  # event time: who was last touched before it leaves the working memory after the records


class SealedBatch(Batch, frozen=True, array_like=True, tag="batch", gc=False):
    """A batch of sealed steps."""

    records: list[SealedStep | ProfileChange | ItemChange | ExperimentChange]  # type: ignore[assignment]


class SnapshotCommitted(Struct, frozen=True, array_like=True, tag="stored", gc=False):
    """A snapshot is whole: every chunk of it has been acknowledged. Written by the shard's owner."""

    version: int
    shard: str
    epoch: int  # the owner's claim of `shard`
    what: Literal["users", "model"]  # the model's snapshots are taken by the owner of `topics.SNAPSHOT_SHARD`
    offset: int  # it holds the fold of the log before this offset
    first: int  # position of its first chunk in the topic of snapshots
    chunks: int

    @property
    def subject(self) -> str:
        """What it is a snapshot of: the model, or the users of a shard."""
        return self.what if self.what == "model" else self.shard


class FingerprintReport(Struct, frozen=True, array_like=True, tag="mark", gc=False):
    """The fingerprint of one worker's model, for the others to compare with theirs."""

    version: int
    shard: str  # none: a mark concerns all
    worker: str
    keeper: bool  # whether it takes the snapshots of the model
    offset: int  # of the log, up to which (without) the model was folded
    digest: str


Message = Claim | Batch | SnapshotCommitted | FingerprintReport
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_SEALED: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(
    Claim | SealedBatch | SnapshotCommitted | FingerprintReport
)
_DECISION: msgspec.msgpack.Decoder[Decision | None] = msgspec.msgpack.Decoder(Decision | None)
_ENCODER = msgspec.msgpack.Encoder()


class ForeignLogError(RuntimeError):
    """The log holds a message that this version of headwater cannot read."""

    retriable = False


def encode_message(message: Message) -> bytes:
    """Bytes of a log message (MessagePack)."""
    return _ENCODER.encode(message)


def decode_message(data: bytes, offset: int, *, sealed: bool = False) -> Message:
    """Read a log message; anything foreign stops the fold: to skip it would let replicas drift apart.

    Parameters
    ----------
    sealed : leave the decisions of steps packed, which takes a quarter of the time; `Step.made` opens them
    """
    try:
        message = (_SEALED if sealed else _DECODER).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ForeignLogError(
            f"headwater.log offset {offset}: must hold messages of version {LOG_VERSION}; got {data[:24]!r} ({error}); "
            "run the headwater version that wrote it, or start with an empty log under another namespace"
        ) from error
    if message.version != LOG_VERSION:
        raise ForeignLogError(
            f"headwater.log offset {offset}: must be of version {LOG_VERSION}; got {message.version}; "
            "run the headwater version that wrote it"
        )
    return message


Verdict = Literal["claimed", "accepted", "stored", "marked", "fenced", "duplicate", "gap"]


class ShardState(NamedTuple):
    """What the fold knows of one shard."""

    epoch: int  # the last claim
    seq: int  # of the batch to come
    next: dict[str, int]
    watermark: float
    changed: int = 0  # log offset after the last batch accepted
    outcomes_acked: int = 0  # log offset before which all outcomes are acknowledged
    since: int = 0  # log offset of the first claim ever: before it there is nothing of the shard


class Acceptance:
    """The fold's rules: a pure function of the log, the same on every worker.

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
        self.backward = 0  # batches whose `next` went back: a bug, to be alarmed on

    def judge(self, message: Message, offset: int) -> Verdict:
        """Take the message at `offset` into account and say what becomes of it.

        1. A claim: its writer owns the shard from here on. The last claim in the log wins, whoever wrote it.
        2. A batch of another claim than the last one comes from a former owner: ignored.
        3. A batch with another number than expected is a second copy, or stands behind a hole: ignored.
        4. Else it is accepted: the next number is expected, the input positions move.
        5. A snapshot counts if the shard's owner wrote it and it is newer than the one known. Whatever a former owner
           has stored was stored before the claim, so its chunks stand before all of the new owner's: what precedes
           the first chunk of the newest one that counts can be deleted, however late that is done.
        """
        if isinstance(message, FingerprintReport):
            return "marked"
        old = self.shards.get(message.shard, ShardState(-1, 0, {}, 0.0))
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
        if any(message.next.get(topic, position) < position for topic, position in old.next.items()):
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
    def cut(self) -> int:
        """Offset before which nobody needs the log: everything of it is in whole snapshots."""
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
