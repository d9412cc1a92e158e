"""A worker without Kafka that the scenarios work on, fed by an endless workload."""

from collections.abc import Sequence
from itertools import islice

from stream.bench.recorded import Recorded
from stream.bench.workloads import World
from stream.config import Config
from stream.decisions.arrivals import UserEvent
from stream.decisions.engine import Engine
from stream.decisions.local import LocalWorker
from stream.kafka.own_messages import OwnMessages
from stream.model.fold import Model
from stream.records.log import Batch, ItemChange, LoggedEvent, Message, Record

PER_MESSAGE = 200  # records, as in the worker
START = 1_700_000_000.0  # event time, unix seconds


class Site(LocalWorker):
    """A local worker that has learned a catalogue and some events.

    Parameters
    ----------
    world : where items and events come from
    warm_up : events learned before
    known : users with one event each, before those
    """

    def __init__(self, config: Config, world: World | Recorded, warm_up: int, known: int = 0) -> None:
        super().__init__(Engine(config, Model(config)))
        self.config, self.world = config, world
        self.own = OwnMessages()
        self.workload = world.events(START)
        items = (ItemChange(item.item_id, item) for item in world.catalogue())
        while part := list(islice(items, PER_MESSAGE)):
            self.fold(self.shard.message([*part], {}, last=True))
        for first in range(0, known, PER_MESSAGE):  # users with one event each
            made = [self._visit(n) for n in range(first, min(known, first + PER_MESSAGE))]
            for message in self.engine.batches(self.shard, [(made, {})], room=0):
                self.fold(message)
        self.shard.deferred.clear()
        while self.events < warm_up:
            for message in self.backlog(3_000):
                self.fold(message)

    def _visit(self, n: int) -> UserEvent:
        item = f"i{n % self.world.items}"
        return UserEvent(f"u{n}", LoggedEvent(0, 0, f"visit-{n}", item, 0, START, None, None))

    def arrivals(self, n: int) -> list[UserEvent]:
        """Take the next `n` events of the workload."""
        return [self.arrival(kind, event) for kind, event in islice(self.workload, n)]

    def batches(self, arrivals: Sequence[UserEvent]) -> list[Batch]:
        """Make the batches of events that have come at once, as the worker does."""
        cuts = range(0, len(arrivals), PER_MESSAGE)
        return self.engine.batches(
            self.shard, [([*arrivals[cut : cut + PER_MESSAGE]], {"events.view": self.events}) for cut in cuts]
        )

    def backlog(self, n: int) -> list[Batch]:
        """Make the batches of the next `n` events."""
        return self.batches(self.arrivals(n))

    def take_in(self, arrivals: Sequence[UserEvent]) -> None:
        """Take in events and fold them, without slates."""
        for first in range(0, len(arrivals), PER_MESSAGE):
            steps = [self.engine.step(self.shard, *each) for each in arrivals[first : first + PER_MESSAGE]]
            self.keep([step for step in steps if step is not None])

    def keep(self, records: Sequence[Record]) -> None:
        """Fold records that the engine has made."""
        for first in range(0, len(records), PER_MESSAGE):
            self.fold(self.shard.message([*records[first : first + PER_MESSAGE]], {}, last=True))

    def replicate(self, data: Sequence[bytes]) -> int:
        """Read log messages and fold them, as a worker does; returns the records.

        Those that `own` has encoded are the worker's own, the others another worker's, which are decoded.
        """
        messages = [self.own.decode(each, self.model.offset + n) for n, each in enumerate(data)]
        for message in messages:
            self.fold(message)
        return count_records(messages)


def count_records(messages: Sequence[Message]) -> int:
    """Count the records of all batches."""
    return sum(len(message.records) for message in messages if isinstance(message, Batch))
