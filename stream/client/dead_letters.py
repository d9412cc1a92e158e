"""Dead letters: read, shown, and sent again to the topics they came from."""

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from stream.config import Kafka
from stream.kafka.admin import check
from stream.kafka.security import kafka_options
from stream.records.schemas import DeadLetter
from stream.records.topics import DEAD, prefixed

GROUP = "headwater-dead"  # whose committed offset says what has been sent again
POLL_MS = 500
SEND_S = 30.0


class DeadLetterRecord(NamedTuple):
    """One of them."""

    offset: int  # in events.dead
    letter: DeadLetter


def letters(config: Kafka, start: int | None = None) -> Iterator[DeadLetterRecord]:
    """All that are there now, from an offset on; None: from the oldest."""
    check(config)
    tp = TopicPartition(prefixed(config.namespace, DEAD), 0)
    with closing(KafkaConsumer(**kafka_options(config), enable_auto_commit=False)) as consumer:
        consumer.assign([tp])
        first, end = consumer.beginning_offsets([tp])[tp], consumer.end_offsets([tp])[tp]
        consumer.seek(tp, first if start is None else min(max(first, start), end))
        while consumer.position(tp) < end:
            for record in consumer.poll(timeout_ms=POLL_MS).get(tp, []):
                yield DeadLetterRecord(record.offset, msgspec.json.decode(record.value, type=DeadLetter))


def replay(config: Kafka, *, start: int | None, limit: int, reason: str | None) -> tuple[int, int]:
    """Send letters again, as they came, with their keys, and remember how far that went.

    Parameters
    ----------
    start : offset in events.dead; None: after the last one that was sent again
    limit : at most so many
    reason : only those; the others count as done

    Returns
    -------
    how many were sent, and the offset after the last one looked at
    """
    check(config)
    tp = TopicPartition(prefixed(config.namespace, DEAD), 0)
    group = f"{config.namespace}.{GROUP}" if config.namespace else GROUP
    with (
        closing(KafkaConsumer(**kafka_options(config), group_id=group, enable_auto_commit=False)) as consumer,
        closing(KafkaProducer(**kafka_options(config), acks="all")) as producer,
    ):
        consumer.assign([tp])
        begin = start if start is not None else consumer.committed(tp) or 0
        sent, after = 0, begin
        waiting = []
        for offset, letter in letters(config, begin):
            if sent == limit:
                break
            after = offset + 1
            if reason in (None, letter.reason) and letter.reason != "unreadable":  # nothing is left of those
                waiting.append(producer.send(letter.topic, key=letter.key, value=letter.value))
                sent += 1
        for future in waiting:
            future.get(SEND_S)
        consumer.commit({tp: OffsetAndMetadata(after, "", -1)})
    return sent, after
