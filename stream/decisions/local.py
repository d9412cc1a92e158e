"""A worker in one process, without Kafka: the engine and the model, with a list as the log.

Every message is folded as soon as it is made, so the model has learned from all earlier events. Evaluation,
simulation, benchmarks and tests run on it, and a starting worker compiles its kernels with it.
"""

from stream.config import Config
from stream.decisions.arrivals import Arrival, UserEvent
from stream.decisions.engine import Engine
from stream.decisions.shard import Shard
from stream.model.fold import Model
from stream.observe import Observer
from stream.records.acceptance import Verdict
from stream.records.amounts import units
from stream.records.log import LOG_VERSION, Batch, Claim, Message, logged_event
from stream.records.schemas import Event, EventType

SHARD = "users/0"


class LocalWorker:
    """The owner of one shard, which begins with a claim at offset 0.

    Parameters
    ----------
    engine : with the model that is to be folded, still empty
    owner : who claims the shard

    Examples
    --------
    >>> worker = LocalWorker.of(Config())
    >>> event = Event(event_id="e1", user_id="ada", item_id="tea", timestamp=1.7e9)
    >>> worker.take(worker.arrival("view", event)).seq, worker.model.offset
    (0, 2)
    """

    def __init__(self, engine: Engine, owner: str = "local") -> None:
        self.engine, self.model = engine, engine.model
        self.shard = Shard(SHARD, 0, engine.config.rewards)
        self.events = 0  # taken from the topics
        self.fold(Claim(LOG_VERSION, SHARD, owner))

    @classmethod
    def of(cls, config: Config, observer: Observer | None = None) -> "LocalWorker":
        """One with an engine and a model of its own."""
        return cls(Engine(config, Model(config), observer))

    def arrival(self, kind: EventType, event: Event) -> UserEvent:
        """The event as a worker reads it from its topic; events are numbered as they come."""
        self.events += 1
        logged = logged_event(event, kind, self.events - 1, self.engine.traits)
        return UserEvent(event.user_id, logged, units(event, kind))

    def propose(self, *arrivals: Arrival, room: int | None = None) -> Batch:
        """Make one message of what arrives, with at most `room` slates; None: with all."""
        return self.engine.batches(self.shard, [(arrivals, {})], room)[0]

    def fold(self, message: Message) -> Verdict:
        """Fold a message as the log's next."""
        return self.model.fold(message, self.model.offset)

    def take(self, *arrivals: Arrival) -> Batch:
        """Make one message of what arrives, and fold it."""
        batch = self.propose(*arrivals)
        self.fold(batch)
        return batch
