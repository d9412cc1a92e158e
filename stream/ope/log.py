"""Settled decisions from the topic `outcomes`, up to its present end, or from a file of its messages."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from stream.config import Kafka
from stream.datasets.raw.bad import OnBad, at
from stream.datasets.raw.unpack import opened
from stream.errors import CheckError
from stream.kafka.admin import check
from stream.kafka.security import kafka_options
from stream.ope.replay import decode
from stream.records.schemas import Outcome
from stream.records.topics import OUTCOMES, prefixed

POLL_MS = 500


def messages_of_file(path: Path) -> Iterator[bytes]:
    """Lines of a file, packed or not."""
    with opened(path) as file:
        yield from file


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


def of_placement(outcomes: list[Outcome], placement: str) -> list[Outcome]:
    """Those of the slates of one placement.

    Raises
    ------
    CheckError
        if there are only others
    """
    found = [each for each in outcomes if each.placement == placement]
    if outcomes and not found:
        known = ", ".join(sorted({each.placement for each in outcomes}))
        raise CheckError(f"--placement: must be one that has outcomes: {known}; got {placement}")
    return found


def read(messages: Iterable[bytes], where: str, on_bad: OnBad | None = None) -> list[Outcome]:
    """Decode all messages but empty ones; `where` names their origin in errors.

    `on_bad` is called with the error of each message that is no outcome; without it the first is raised.
    """
    found = []
    for n, message in enumerate(messages, 1):
        if message.strip():
            try:
                found.append(decode(message, f"{where}, message {n}"))
            except CheckError as error:
                if on_bad is None:
                    raise
                on_bad(at(where, n, str(error).partition(": ")[2]))
    return found
