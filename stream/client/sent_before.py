"""Which events of a file are in the event topics already.

A worker drops an event whose id is among its user's last `EVENT_IDS`. A file in which users have more events than that
would be learned again if it were sent again; so before such a file is sent, the topics are looked through.
"""

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import closing

from kafka import KafkaConsumer, TopicPartition

from stream.config import Kafka
from stream.kafka.admin import check
from stream.kafka.security import kafka_options
from stream.records.schemas import Event, EventType
from stream.records.topics import EVENT_TOPICS, prefixed
from stream.state.user_block import EVENT_IDS

POLL_MS = 500
_ID = re.compile(rb'"event_id": ?"([^"\\]+)"')  # ids with quotes or backslashes are left to the workers


def beyond_memory(events: Sequence[tuple[EventType, Event]]) -> bool:
    """Whether a user has more events than a worker remembers."""
    counts = Counter(event.user_id for _, event in events)
    return max(counts.values(), default=0) > EVENT_IDS


def sent_before(config: Kafka, events: Sequence[tuple[EventType, Event]]) -> set[str]:
    """Ids of those that Kafka still holds."""
    asked = {event.event_id.encode() for _, event in events}
    partitions = check(config)
    names = [prefixed(config.namespace, topic) for topic in EVENT_TOPICS.values()]
    tps = [TopicPartition(name, n) for name in names for n in range(partitions[name])]
    found = set[bytes]()
    with closing(KafkaConsumer(**kafka_options(config), enable_auto_commit=False, check_crcs=False)) as consumer:
        consumer.assign(tps)
        ends = consumer.end_offsets(tps)
        consumer.seek_to_beginning(*tps)
        while any(consumer.position(tp) < end for tp, end in ends.items()):
            for records in consumer.poll(timeout_ms=POLL_MS).values():
                found.update(
                    match[1] for record in records if record.value and (match := _ID.search(record.value)) is not None
                )
            found &= asked
    return {event_id.decode() for event_id in found}
