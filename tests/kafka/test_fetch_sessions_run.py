"""Fetch sessions with a real broker: nothing is missed, and quiet partitions are not named again."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.protocol.fetch import FetchRequest_v11
from kafka import KafkaAdminClient

from stream.kafka.fetch_sessions import SessionFetch, keep_sessions
from stream.processes.broker import Broker

pytestmark = pytest.mark.kafka
PARTITIONS, EACH = 12, 5


class Reading:
    """A consumer of all partitions of a topic, and how many of them each of its fetches named."""

    def __init__(self, address: str) -> None:
        self.consumer = AIOKafkaConsumer(bootstrap_servers=address, group_id=None, fetch_max_wait_ms=50)
        self.named = list[int]()
        send = self.consumer._client.send

        async def counted(node_id: int, request: Any, **options: Any) -> Any:
            if isinstance(request, SessionFetch):
                self.named.append(sum(len(parts) for _, parts in request.build(FetchRequest_v11).topics))
            return await send(node_id, request, **options)

        self.consumer._client.send = counted
        keep_sessions(self.consumer)

    async def records(self, count: int) -> set[tuple[int, int, bytes]]:
        """So many records: partition, offset, value; a record that comes twice counts once."""
        found: set[tuple[int, int, bytes]] = set()
        async with asyncio.timeout(60):
            while len(found) < count:
                for tp, records in (await self.consumer.getmany(timeout_ms=200)).items():
                    found |= {(tp.partition, record.offset, record.value) for record in records}
        return found


def test_nothing_is_missed_and_quiet_partitions_are_not_named(broker: Broker, namespace: str) -> None:
    topic = f"{namespace}.sessions"
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1}})
    tps = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]

    async def read() -> None:
        reading = Reading(broker.address)
        sent = set[tuple[int, int, bytes]]()
        async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer, reading.consumer as consumer:

            async def written(partitions: list[int], first: int) -> set[tuple[int, int, bytes]]:
                fresh = {(p, first + n, f"{p}-{first + n}".encode()) for p in partitions for n in range(EACH)}
                for partition, _, value in sorted(fresh):
                    await producer.send_and_wait(topic, value, partition=partition)
                sent.update(fresh)
                return fresh

            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            fresh = await written([*range(PARTITIONS)], 0)
            assert await reading.records(len(fresh)) == fresh
            for visit in range(1, 4):
                fresh = await written([3], visit * EACH)
                assert await reading.records(EACH) == fresh
                if visit == 1:
                    reading.named.clear()
            assert reading.named
            assert max(reading.named) <= 1, "only the partition whose position moved"

            consumer.seek(tps[0], 2)
            assert await reading.records(EACH - 2) == {each for each in sent if each[0] == 0 and each[1] >= 2}

            reading.named.clear()
            consumer.assign(tps[2:5])
            await consumer.seek_to_beginning(*tps[2:5])
            expected = {each for each in sent if each[0] in (2, 3, 4)}
            assert await reading.records(len(expected)) == expected
            fresh = await written([1, 4], EACH)
            assert await reading.records(EACH) == {each for each in fresh if each[0] == 4}, "1 is read no more"
            assert max(reading.named) <= 3

    asyncio.run(read())
