"""Settled decisions from the topic `outcomes`, up to its present end, or from a file of its messages."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from stream.config import Kafka
from stream.errors import CheckError
from stream.kafka.admin import check
from stream.kafka.security import kafka_options
from stream.ope.replay import decode
from stream.records.schemas import Outcome
from stream.records.topics import OUTCOMES, prefixed

POLL_MS = 500


def messages_of_file(path: Path) -> Iterator[bytes]:
    """Lines of a file, gzipped if its name says so."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield from (line for line in file if line.strip())
    except (OSError, EOFError) as error:
        raise CheckError(f"{path}: cannot be read: {error}") from error


def messages_of_topic(config: Kafka) -> Iterator[bytes]:
    """Every message of the topic up to its present end, by a consumer without a group."""
    count = check(config)[prefixed(config.namespace, OUTCOMES)]
    options = kafka_options(config) | {"enable_auto_commit": False, "auto_offset_reset": "earliest"}
    with closing(KafkaConsumer(**options)) as consumer:
        partitions = [TopicPartition(prefixed(config.namespace, OUTCOMES), n) for n in range(count)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        while any(consumer.position(tp) < end for tp, end in ends.items()):
            for records in consumer.poll(timeout_ms=POLL_MS).values():
                yield from (record.value for record in records if record.value)


def read(messages: Iterable[bytes], where: str) -> list[Outcome]:
    """Decode all messages; `where` names their origin in errors."""
    return [decode(message, f"{where}, message {n}") for n, message in enumerate(messages, 1)]
