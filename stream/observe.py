"""Hooks for metrics: the core calls an `Observer` that does nothing; `stream.metrics.worker` has one that counts."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from stream.records.log import Decision, LoggedEvent, Settlement

Step = Literal[
    "decode", "decide", "publish", "fold"
]  # of a worker's loop: read events, make slates, write, learn from the log
NEW_EVENTS = 10_000  # an item is new for so many events of all users


class Losses(NamedTuple):
    """Losses of the ranker's predictions before it learned, in nats."""

    listwise: float | None  # None: the item taken was no candidate
    click: float
    purchase: float | None = None  # None: the item taken was no candidate
    clicks: tuple[float, float] = (0.0, 0.0)  # expected among the rows learned, and happened
    purchases: tuple[float, float] = (0.0, 0.0)


class Mix(NamedTuple):
    """Variety of a slate."""

    categories: int  # distinct ones
    new: int  # items first seen within the last `NEW_EVENTS` events


class Observer:
    """Hooks of engine, fold and transport; a subclass overrides those it needs."""

    def event(self, kind: int) -> None:
        """A good event was taken in; `kind` as in schemas.KINDS."""

    def duplicate(self) -> None:
        """An event came again and was dropped."""

    def late(self) -> None:
        """An event was older than the user's newest one."""

    def keyless(self) -> None:
        """A record had no key, so its user's other events may be on other partitions."""

    def misplaced(self, topic: str) -> None:
        """A record's key belongs on another partition: a producer's partitioner is wrong."""

    def unread(self, topic: str) -> None:
        """A record has a field that nobody reads: misspelt, or of a newer version."""

    def unreadable(self, topic: str, count: int) -> None:
        """So many offsets of an input topic are a batch that cannot be read for good; stepped over."""

    def topic_remade(self, topic: str) -> None:
        """A topic was deleted and made again; a shard reads it from its start."""

    def dead(self, reason: str) -> None:
        """A record went to the dead letters."""

    def busy(self, step: Step, seconds: float) -> None:
        """A step of the loop took so many seconds of this process."""

    def waited(self, seconds: float, slates: int) -> None:
        """So many slates were sent so long after this process had fetched the first event that they answer."""

    def deferred(self, slates: int) -> None:
        """So many slates were put off: there was no time for them within `slate.wait_ms`."""

    def at_limit(self, *, reached: bool) -> None:
        """The worker has reached its limit: not every event can have its slate at once; or has left it."""

    def decided(self, decision: Decision, mix: Mix) -> None:
        """A slate was drawn."""

    def settled(self, settlement: Settlement, event: LoggedEvent | None = None) -> None:
        """A decision was settled, by an event or by silence."""

    def folded(self, records: int, offset: int) -> None:
        """So many records of the accepted message at log offset `offset` were learned, or skipped."""

    def skipped(self, offset: int, error: Exception) -> None:
        """A record raised this error in a learner and was skipped, the same on every worker."""

    def learned(self, td_errors: Sequence[float], losses: Iterable[Losses]) -> None:
        """The policies' TD errors and the ranker's losses before they learned the records of a message.

        The losses are worked out as they are asked for, before this returns.
        """

    def drifted(self, model: str, answer: str) -> None:
        """A watched model has become worse, and this answer (of `learners.drift.ANSWERS`) was taken."""

    def returned(self, event: LoggedEvent) -> None:
        """A purchase came back; `event.price` is what was counted as revenue, below zero."""

    def stopped(self, variant: str, metric: str) -> None:
        """A guard has stopped this variant of the experiment."""

    def no_room(self) -> None:
        """An event or a description of a new item was not learned: there are `sources.max_items` already."""

    def recovered(self, seconds: float) -> None:
        """Shards were claimed and recovered, in so many seconds."""

    def stored(self, subject: str, size: int) -> None:
        """A snapshot of a shard's users, or of the model, was written; its size in bytes."""

    def fingerprinted(self, offset: int, digest: str) -> None:
        """The fingerprint of this worker's model at log offset `offset`."""

    def disagreed(self) -> None:
        """Workers have different models at the same log offset; must never happen."""

    def skipped_offsets(self, count: int) -> None:
        """Input offsets without a record: deleted before they were taken in, compacted, or transaction markers."""

    def lost(self, count: int) -> None:
        """Input records that were deleted before they were taken in: retention was too short."""

    def questioned(self, question: str, status: str) -> None:
        """A question to the model was answered; both as in `stream.records.questions`."""

    def responded(self, status: str, seconds: float) -> None:
        """A request was answered, with or without a slate, so many seconds after it was written."""

    def published(self, seconds: float) -> None:
        """A recommendation was acknowledged so many seconds after its event was written."""
