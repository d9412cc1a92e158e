"""Topics: kinds of events, shards, names."""

import pytest

from learners import CLICK, PURCHASE, VIEW
from stream.records.schemas import KINDS
from stream.records.topics import EVENT_KINDS, EVENT_TOPICS, INPUT_TOPICS, TOPICS, ShardId, all_shards


def test_kinds_are_those_of_the_learners() -> None:
    assert [KINDS.index(kind) for kind in ("view", "click", "purchase")] == [VIEW, CLICK, PURCHASE]
    assert {EVENT_KINDS[topic.name]: topic for topic in EVENT_TOPICS.values()} == EVENT_TOPICS


def test_names_of_topics_are_unique() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


@pytest.mark.parametrize("topic", INPUT_TOPICS, ids=lambda topic: topic.name)
def test_every_partition_of_an_input_topic_belongs_to_a_shard(topic: object) -> None:
    (found,) = [each for each in INPUT_TOPICS if each is topic]
    for partition in range(found.partitions or 3):
        shard = ShardId.of(found, partition)
        assert str(shard) in all_shards(3)
        assert ShardId.parse(str(shard)) == shard
