"""The messages of `headwater.log`, from which all state is folded, and the records inside them.

A *claim* makes its writer the owner of a shard; the offset at which the log holds it is the claim's id, `epoch`. A
*batch* carries the records that the owner made of one poll, the number of the batch within the claim, and the input
positions after it. *SnapshotCommitted* says that a snapshot is complete; a *FingerprintReport* holds the fingerprint of
one worker's model. `records.acceptance` has the rules by which every fold accepts or ignores a message.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from stream.records import amounts
from stream.records.schemas import KINDS, Event, EventType, Experiment, Item, OutcomeType, Scalar
from stream.records.topics import EVENT_TOPICS, USER_TOPICS

LOG_VERSION = 6
READABLE = (4, 5, 6)  # rows of version 4 have a feature less: `Ranking.widened`; 5 knows no placements


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
    price: float | None = None  # of a purchase: what was paid, price x quantity; see `amounts`
    traits: dict[str, str] = {}  # groups by the event's context: country, device

    @property
    def returned(self) -> bool:
        """Whether it takes a purchase back: its price is below zero, or -0.0."""
        return self.price is not None and amounts.is_return(self.kind, self.price)

    @property
    def revenue(self) -> float:
        """What a purchase brought in, below zero for a return; 0 for anything else."""
        return amounts.revenue(self.kind, self.price)


# kind -> its topic, as an index in topics.USER_TOPICS, and its index in schemas.KINDS
_PLACES = {kind: (USER_TOPICS.index(topic), KINDS.index(kind)) for kind, topic in EVENT_TOPICS.items()}


def logged_event(event: Event, kind: EventType, offset: int, traits: Iterable[str] = ()) -> LoggedEvent:
    """An event of its kind's topic for the log; of its context only the texts under the names of `traits`."""
    given = event.context
    context = {name: value for name in traits if isinstance(value := given.get(name), str)} if given else {}
    topic, number = _PLACES[kind]
    return LoggedEvent(
        topic, offset, event.event_id, event.item_id, number,
        event.timestamp, event.session_id, event.decision_id, amounts.amount(event, kind), context,
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
    offered_ranks: bytes  # uint8 [slots, lists]: index of a list's head; + 128: another item is shown; 255: exhausted
    propensities: bytes  # float32 [slots]: P(item | items above)
    scores: bytes  # float32 [slots]: ranking score
    lists: bytes  # uint16 [lists, k]: candidate lists as indices in `items`, padded with 65535
    experiment: str = ""  # that the user takes part in
    variant: str = ""  # of the experiment, that made the slate
    enrols: bool = False  # whether it is the user's first of this variant
    shadow: list[str] = []  # slate of the shadow policy, which is not shown
    reasons: bytes = b""  # uint8 [slots]: what contributes most to the item's score, see `note_reasons`
    request_id: str = ""  # that it answers
    placement: str = ""  # whose slate it is, and which page of it: see `placements.key_of`; empty: home's first
    before: list[str] = []  # that the pages before it showed

    @property
    def slate(self) -> list[str]:
        """The items shown, from the top."""
        return self.items[: len(self.sources)]


class Settlement(Struct, frozen=True, array_like=True, gc=False):
    """The outcome of a decision. It repeats what learners need of it: replicas do not know each other's users."""

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
    lists: bytes = b""  # of the decision, for the evaluation of other policies
    experiment: str = ""
    variant: str = ""
    shadow: list[str] = []
    placement: str = ""


class ItemSnapshot(Struct, frozen=True, array_like=True, gc=False):
    """What the catalogue held of an event's item when the event was taken in; user profiles are made from it."""

    category: int  # of the item, 0: unknown
    price: float | None


class SessionEnd(Struct, frozen=True, array_like=True, gc=False):
    """A session that ended, for segments to learn from."""

    profile: bytes  # uint8 [profiles.NAMES]: value / 255
    attributes: dict[str, Scalar]  # of the user, as catalog.users has them


class Step(Struct, frozen=True, array_like=True, tag="step", gc=False):
    """One step of a user: an event (or silence), the decision that it settled, and the decision made on it."""

    user_id: str
    event: LoggedEvent | None  # None: the watermark passed an open decision
    recent: list[str]  # distinct items before the event, newest first: the learners' context
    session_items: int  # how many of `recent` belong to the session that the event continues
    settled: Settlement | None
    decision: Decision | None
    rows: Rows | None
    traits: dict[str, str] = {}  # groups that the user belongs to at the event: country, device, segment
    past: bytes = b""  # the user's history with each of `recent`, see `users.unpack_past`
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
    """A step as a replica reads it: the decision, most of the bytes, stays encoded until `made` is called."""

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
    """Makes its writer the owner of a shard; `token` is unique to the writer and the claim."""

    version: int
    shard: str
    token: str


class Batch(Struct, frozen=True, array_like=True, tag="batch", gc=False):
    """The records that a shard's owner made of one poll."""

    version: int
    shard: str
    epoch: int  # the owner's claim
    seq: int  # 0, 1, 2, ... within the claim
    next: dict[str, int]  # topic (without namespace) -> input position after this batch
    watermark: float  # highest event time of the shard so far
    records: list[Record]
    outcomes_acked: int = 0  # log offset before which all outcomes of the shard are acknowledged
    idle_before: float = 0.0  # event time: users last active before it leave the working memory after the records


class SealedBatch(Batch, frozen=True, array_like=True, tag="batch", gc=False):
    """A batch of sealed steps."""

    records: list[SealedStep | ProfileChange | ItemChange | ExperimentChange]  # type: ignore[assignment]


class SnapshotCommitted(Struct, frozen=True, array_like=True, tag="stored", gc=False):
    """A snapshot is complete: every chunk of it is acknowledged. Written by the shard's owner."""

    version: int
    shard: str
    epoch: int  # the owner's claim of `shard`
    what: Literal["users", "model"]  # the model's snapshots are taken by the owner of `topics.SNAPSHOT_SHARD`
    offset: int  # it holds the fold of the log before this offset
    first: int  # position of its first chunk in the topic of snapshots
    chunks: int

    @property
    def subject(self) -> str:
        """What the snapshot holds: "model", or the shard whose users it holds."""
        return self.what if self.what == "model" else self.shard


class FingerprintReport(Struct, frozen=True, array_like=True, tag="mark", gc=False):
    """The fingerprint of one worker's model, for the others to compare with theirs."""

    version: int
    shard: str  # empty: a report concerns all shards
    worker: str
    stores_model: bool  # whether it stores the snapshots of the model
    offset: int  # of the log, up to which (without) the model was folded
    digest: str


Message = Claim | Batch | SnapshotCommitted | FingerprintReport
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_SEALED: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(
    Claim | SealedBatch | SnapshotCommitted | FingerprintReport
)
_DECISION: msgspec.msgpack.Decoder[Decision | None] = msgspec.msgpack.Decoder(Decision | None)
_ENCODER = msgspec.msgpack.Encoder()
_VERSIONS = " or ".join(map(str, READABLE))


class ForeignLogError(RuntimeError):
    """The log holds a message that this version of headwater cannot read."""

    retriable = False


def encode_message(message: Message) -> bytes:
    """Bytes of a log message (MessagePack)."""
    return _ENCODER.encode(message)


def decode_message(data: bytes, offset: int, *, sealed: bool = False) -> Message:
    """Read a log message; anything foreign stops the fold, since replicas that skip it would differ.

    Parameters
    ----------
    sealed : leave the decisions of steps encoded, which takes a quarter of the time; `Step.made` decodes them
    """
    try:
        message = (_SEALED if sealed else _DECODER).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ForeignLogError(
            f"headwater.log offset {offset}: must hold messages of version {_VERSIONS}; got {data[:24]!r} ({error}); "
            "run the headwater version that wrote it, or start with an empty log under another namespace"
        ) from error
    if message.version not in READABLE:
        raise ForeignLogError(
            f"headwater.log offset {offset}: must be of version {_VERSIONS}; got {message.version}; "
            "run the headwater version that wrote it"
        )
    return message
