"""Where the consumer reads the input topics: seeks to exact positions, and lost seeks repeated."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from aiokafka.errors import KafkaError
from faust.types import TP

from stream.decisions.shard import Shard
from stream.kafka.connections import Connections, TruncatedError
from stream.kafka.faust_polls import Positions
from stream.kafka.polls import Poll
from stream.records.topics import ShardId, Topic
from stream.worker.topic_watch import Limits, TopicWatch

log = logging.getLogger(__name__)


class InputPositions:
    """Moves Faust's consumer to where the shards are.

    Parameters
    ----------
    consumer : positions of Faust's consumer
    topics : input topics by their full names
    taking : whether a poll is being taken in
    """

    def __init__(
        self, consumer: Positions, connections: Connections, topics: Mapping[str, Topic], taking: Callable[[], bool]
    ) -> None:
        self.consumer, self.connections, self.topics, self.taking = consumer, connections, topics, taking
        self.watch = TopicWatch(connections)
        self._sought: dict[TP, int] = {}  # fetches begun when a topic-partition was last sought
        self._checked: dict[TP, int] = {}  # the shards' positions at the last check

    async def seek(self, shard: Shard, tps: set[TP]) -> None:
        """Read a shard on from exactly its next positions."""
        known = [(tp, shard.next.get(self.topics[tp.topic].name)) for tp in sorted(tps)]
        await asyncio.gather(*(self.seek_to(tp, position) for tp, position in known if position is not None))

    async def seek_to(self, tp: TP, position: int) -> None:
        """Read a topic-partition on from a position."""
        await self.consumer.seek(tp, position)
        self._sought[tp] = self.consumer.fetches

    def precedes_seek(self, poll: Poll, tp: TP) -> bool:
        """Whether a poll was fetched before the last seek: the right records will follow."""
        return poll.fetch <= self._sought.get(tp, -1)

    async def next_record(self, tp: TP, position: int) -> tuple[int, int]:
        """Offset of the first record from a position on, and where the topic-partition starts.

        Read with a connection of its own: Faust's consumer may still answer from before a seek.
        """
        reader = self.connections.reader(self.topics[tp.topic], tp.partition)
        try:
            first, end = await reader.start(position)
            while max(first, position) < end:
                if records := await reader.read():
                    return records[0][0], first
        except (KafkaError, TruncatedError) as error:
            log.warning("%s/%d: reading the record at %d: %r", tp.topic, tp.partition, position, error)
        finally:
            await reader.stop()
        return position, position

    async def limits(self, tps: set[TP]) -> dict[TP, Limits]:
        """Where those topic-partitions begin and end that exist, and the numbers of their topics."""
        await self.watch.look()
        existing = {tp for tp in tps if self.watch.exists(self.topics[tp.topic])}
        first, end = await self.consumer.earliest(existing), await self.consumer.latest(existing)
        return {tp: Limits(first[tp], end[tp], self.watch.number(self.topics[tp.topic])) for tp in sorted(existing)}

    async def remade(self, shards: Mapping[str, Shard], assigned: Mapping[str, set[TP]]) -> dict[str, list[str]]:
        """Shards with topics that are not those that their positions belong to."""
        if not await self.watch.look():
            return {}
        found = {}
        for shard_id, shard in list(shards.items()):
            tps = {tp for tp in assigned.get(shard_id, set()) if self.watch.exists(self.topics[tp.topic])}
            ends = {self.topics[tp.topic].name: end for tp, end in (await self.consumer.latest(tps)).items()}
            if names := self.watch.remade(shard_id, shard.next, ends):
                found[shard_id] = names
        return found

    def unassigned(self, assigned: Mapping[str, set[TP]]) -> list[str]:
        """Topics that exist, and that Kafka has not assigned together with the others of a shard."""
        return sorted(
            {
                name
                for shard_id, tps in assigned.items()
                for name, topic in self.topics.items()
                if topic.name in self.watch.facts
                and str(ShardId.of(topic, ShardId.parse(shard_id).partition)) == shard_id
                if TP(name, ShardId.parse(shard_id).partition) not in tps
            }
        )

    async def mend(self, shards: Mapping[str, Shard], assigned: Mapping[str, set[TP]]) -> None:
        """Seek where the consumer has read on while the shard has not moved since the last check.

        A seek is lost when a rebalance comes between, and the consumer starts at the committed offset, which may lie
        behind polls that were dropped. The next record would show the gap; but there may be none for long.
        """
        if self.taking():
            return
        read = await self.consumer.read(set[TP]().union(*(assigned.get(shard_id, set()) for shard_id in shards)))
        for shard_id, shard in list(shards.items()):
            for tp in assigned.get(shard_id, set()) & read.keys():
                position = read[tp]
                wanted = shard.next.get(self.topics[tp.topic].name)
                if wanted is None:
                    continue
                if position > wanted == self._checked.get(tp):
                    start = (await self.consumer.earliest({tp}))[tp]
                    if position > start:  # else the records before it have been deleted: there is nothing to read
                        await self.seek_to(tp, wanted)
                self._checked[tp] = wanted
