"""Topics that change under a running worker: deleted and made again, or given more partitions.

A position is worth something only together with the topic that it was made in. So the positions of a shard in the
log (`Batch.next`) hold, beside `events.click: 17`, the number of the topic, `events.click@topic`. The first batch of a
claim says all of them; who claims the shard next compares, and begins at the start of a topic that is another one.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError as AIOKafkaError
from kafka.errors import KafkaError

from stream.kafka.topic_facts import REAL, TopicFacts
from stream.observe import Observer
from stream.records.topics import BRIEF, EXPERIMENTS, ITEMS, KEYED_BY_USER, NUMBER, Topic

log = logging.getLogger(__name__)

WATCHED = (*KEYED_BY_USER, ITEMS, EXPERIMENTS)  # all input, and what has a partition for each shard of users
_BRIEF = {topic.name for topic in BRIEF}
RUNBOOK = 'see deploy/README.md, "Partitions were added to a topic"'


class Limits(NamedTuple):
    """Where a topic-partition begins and ends, and the number of its topic; 0: unknown."""

    first: int
    end: int
    number: int = 0


class Start(NamedTuple):
    """Where a shard begins to read."""

    next: dict[str, int]
    lost: int  # records that were deleted before they were read
    remade: tuple[str, ...]  # topics that are not those that the logged positions belong to
    sure: bool  # whether their numbers say so; else only the ends of the topics, which may lag for a moment


def start_of(logged: Mapping[str, int], limits: Mapping[str, Limits]) -> Start:
    """Compare the positions of the log with the topics there are.

    >>> number = REAL + 5
    >>> start_of({"events.click": 26, "events.click@topic": number}, {"events.click": Limits(0, 40, number + 1)}).next
    {'events.click': 0, 'events.click@topic': 4611686018427387910}
    >>> start_of({"events.click": 26}, {"events.click": Limits(30, 40)})
    Start(next={'events.click': 30}, lost=4, remade=(), sure=True)
    """
    next_, lost, remade, sure = dict[str, int](), 0, [], True
    for name, limit in sorted(limits.items()):
        position, known = logged.get(name), logged.get(name + NUMBER, 0)
        comparable = known >= REAL and limit.number >= REAL
        another = position is not None and comparable and known != limit.number
        behind = position is not None and not comparable and limit.end < position
        if position is None or another or behind:
            next_[name] = limit.first
        else:
            next_[name] = max(position, limit.first)
            lost += next_[name] - position if name not in _BRIEF else 0
        if another or behind:
            remade.append(name)
            sure = sure and another
        if limit.number >= REAL:
            next_[name + NUMBER] = limit.number
        elif behind:
            next_[name + NUMBER] = known % REAL + 1  # so that a fold knows that the position went back for a reason
        elif known:
            next_[name + NUMBER] = known
    return Start(next_, lost, tuple(remade), sure)


class TopicWatch:
    """Compares the cluster's topics with those that the worker began with."""

    def __init__(self, connections: Any) -> None:
        self._connections = connections
        self.facts: dict[str, TopicFacts] = {}
        self.partitions: dict[str, int] = {}  # as they were at the start
        self.problem = ""  # why the worker does not serve all users
        self._suspects: set[tuple[str, str]] = set()
        self._said: set[str] = set()

    async def look(self) -> bool:
        """Ask for the facts; returns whether the cluster answered."""
        try:
            self.facts = await self._connections.topics(WATCHED)
        except (KafkaError, AIOKafkaError) as error:
            log.warning("looking at the topics: %r", error)
            return False
        for name, facts in self.facts.items():
            self.partitions.setdefault(name, facts.partitions)
        self.problem = self._problem()
        if self.problem:
            self.say(self.problem)
        return True

    def exists(self, topic: Topic) -> bool:
        """Whether the topic exists, as far as is known."""
        return not self.facts or topic.name in self.facts

    def number(self, topic: Topic) -> int:
        """The number of the topic of this name; 0: unknown."""
        return self.facts[topic.name].number if topic.name in self.facts else 0

    def remade(self, shard_id: str, positions: Mapping[str, int], ends: Mapping[str, int]) -> list[str]:
        """Topics that are not those that a shard's positions belong to.

        Without numbers of topics it must be seen twice in a row that one ends before the position.
        """
        found = []
        for name, end in ends.items():
            facts = self.facts.get(name)
            number, known = (facts.number if facts else 0), positions.get(name + NUMBER, 0)
            if number >= REAL and known >= REAL:
                found += [name] if number != known else []
            elif end < positions.get(name, 0):
                found += [name] if (shard_id, name) in self._suspects else []
                self._suspects.add((shard_id, name))
            else:
                self._suspects.discard((shard_id, name))
        return found

    def say(self, text: str) -> None:
        """Log it once."""
        if text not in self._said:
            self._said.add(text)
            log.error("%s", text)

    def say_remade(self, names: Iterable[str], observer: Observer) -> None:
        """Log once for each topic, and count for each shard, that reading begins at the start of a new topic."""
        for name in names:
            observer.topic_remade(name)
            number = self.facts[name].number if name in self.facts else 0
            if f"{name} {number}" not in self._said:
                self._said.add(f"{name} {number}")
                log.error(
                    "topic %s was deleted and made again: the logged positions belong to the old one, so it is read "
                    "from its start; what was in the old topic and not taken in yet is lost", name,
                )  # fmt: skip

    def _problem(self) -> str:
        """What is wrong with the topics now; empty: nothing."""
        if gone := [topic.name for topic in WATCHED if topic.name in self.partitions and topic.name not in self.facts]:
            return f"missing topics: {', '.join(gone)}; run `headwater topics`"
        grown = [
            f"{name} has {facts.partitions} instead of {self.partitions[name]}"
            for name, facts in sorted(self.facts.items())
            if facts.partitions != self.partitions[name]
        ]
        counts = {topic.name: self.facts[topic.name].partitions for topic in KEYED_BY_USER if topic.name in self.facts}
        if not grown and len(set(counts.values())) > 1:
            grown = [f"{name} has {count}" for name, count in counts.items()]
        if not grown:
            return ""
        return (
            f"partitions were changed: {', '.join(grown)}; users on partitions that no shard has are not read, and "
            f"others change their partition; {RUNBOOK}"
        )
