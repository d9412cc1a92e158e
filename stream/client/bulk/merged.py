"""All records of some topics up to an offset of each partition, in the order in which they were written."""

from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream.config import Kafka
from stream.errors import BrokerError
from stream.kafka.security import aiokafka_options
from stream.kafka.unreadable import keep_unreadable

POLL_MS = 200
AT_ONCE = 2_000  # records of a poll

Offsets = dict[TopicPartition, int]


@asynccontextmanager
async def reading(config: Kafka, tps: list[TopicPartition]) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of these partitions, without a group; what cannot be read for good is stepped over.

    Raises
    ------
    BrokerError
        if Kafka does not answer
    """
    consumer = AIOKafkaConsumer(
        **aiokafka_options(config), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
        fetch_max_wait_ms=POLL_MS, isolation_level="read_committed", value_deserializer=keep_unreadable,
    )  # fmt: skip
    try:
        await consumer.start()
        consumer.assign(tps)
        yield consumer
    except (KafkaError, OSError) as error:
        raise BrokerError(f"broker {config.broker}: the topics cannot be read: {error!r}") from error
    finally:
        await consumer.stop()


async def merged(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> AsyncIterator[Any]:
    """Records from `starts` on and before `ends`, merged by the time at which they were written.

    Within a partition the order of offsets stays as it is; of records of the same time, the topic's name and the
    partition decide. So the order is the same at each run.
    """
    open_ = {tp for tp, end in ends.items() if starts[tp] < end}
    waiting: dict[TopicPartition, deque[Any]] = {tp: deque() for tp in open_}
    latest = dict.fromkeys(open_, 0)  # of each partition: times that run back do not undo its order
    heads: list[tuple[int, str, int]] = []
    for tp in open_:
        consumer.seek(tp, starts[tp])
    empty = set(open_)
    while open_:
        while empty:  # until the next record of every partition is known
            polled = await consumer.getmany(*empty, timeout_ms=POLL_MS, max_records=AT_ONCE)
            for tp, records in polled.items():
                waiting[tp].extend(record for record in records if record.offset < ends[tp])
            for tp in sorted(empty):
                if waiting[tp]:
                    empty.discard(tp)
                    latest[tp] = max(latest[tp], waiting[tp][0].timestamp)
                    heappush(heads, (latest[tp], *tp))
                elif await consumer.position(tp) >= ends[tp]:  # the last offsets may hold no record to read
                    empty.discard(tp)
                    open_.discard(tp)
        if not heads:
            return
        _, *name = heappop(heads)
        tp = TopicPartition(*name)
        yield waiting[tp].popleft()
        if waiting[tp]:
            latest[tp] = max(latest[tp], waiting[tp][0].timestamp)
            heappush(heads, (latest[tp], *tp))
        else:
            empty.add(tp)
