"""Where a shard begins, whatever became of the topics; what is said of topics that changed, and when."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from stream.kafka.topic_facts import REAL, TopicFacts
from stream.observe import Observer
from stream.records.topics import CLICKS, NUMBER, TOPICS, VIEWS, Topic
from stream.worker.topic_watch import WATCHED, Limits, TopicWatch, start_of

OLD, NEW = REAL + 5, REAL + 9
AT = {"events.click": 26}
KNOWN = AT | {"events.click" + NUMBER: OLD}


@pytest.mark.parametrize(
    ("logged", "limit", "position", "lost", "remade", "sure"),
    [
        pytest.param({}, Limits(3, 9, OLD), 3, 0, (), True, id="a shard that is new"),
        pytest.param(KNOWN, Limits(0, 40, OLD), 26, 0, (), True, id="the same topic"),
        pytest.param(KNOWN, Limits(30, 40, OLD), 30, 4, (), True, id="the same topic, cut by retention"),
        pytest.param(KNOWN, Limits(0, 20, OLD), 26, 0, (), True, id="the same topic, whose end lags"),
        pytest.param(KNOWN, Limits(0, 6, NEW), 0, 0, ("events.click",), True, id="another one, shorter"),
        pytest.param(KNOWN, Limits(2, 40, NEW), 2, 0, ("events.click",), True, id="another one, longer"),
        pytest.param(AT, Limits(0, 40, NEW), 26, 0, (), True, id="a log from before numbers were written"),
        pytest.param(AT, Limits(0, 6, NEW), 0, 0, ("events.click",), False, id="the same, and the topic is shorter"),
        pytest.param(AT, Limits(0, 6), 0, 0, ("events.click",), False, id="a cluster without ids, shorter"),
        pytest.param(KNOWN, Limits(0, 40), 26, 0, (), True, id="a cluster that gives no ids any more"),
    ],
)
def test_where_a_shard_begins(
    logged: dict[str, int], limit: Limits, position: int, lost: int, remade: tuple[str, ...], sure: bool
) -> None:
    start = start_of(logged, {"events.click": limit})
    assert (start.next["events.click"], start.lost, start.remade, start.sure) == (position, lost, remade, sure)
    again = start_of(start.next, {"events.click": limit._replace(end=max(limit.end, position))})
    assert (again.next, again.remade) == (start.next, ())  # who comes next goes on from there


class Cluster:
    """Facts that can be changed."""

    def __init__(self) -> None:
        self.facts = {topic.name: TopicFacts(topic.partitions or 4, OLD) for topic in TOPICS}
        self.away = False

    async def topics(self, topics: Iterable[Topic]) -> dict[str, TopicFacts]:
        if self.away:
            raise KafkaConnectionError("away")
        return {topic.name: self.facts[topic.name] for topic in topics if topic.name in self.facts}


def watching() -> tuple[Cluster, TopicWatch]:
    cluster = Cluster()
    watch = TopicWatch(cluster)
    assert asyncio.run(watch.look())
    assert watch.problem == ""
    return cluster, watch


@pytest.mark.parametrize("topic", WATCHED, ids=lambda topic: topic.name)
def test_partitions_that_were_added_to_any_topic(topic: Topic, caplog: pytest.LogCaptureFixture) -> None:
    cluster, watch = watching()
    had = cluster.facts[topic.name].partitions
    cluster.facts[topic.name] = TopicFacts(had + 1, OLD)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            asyncio.run(watch.look())
    assert f"{topic.name} has {had + 1} instead of {had}" in watch.problem
    assert "deploy/README.md" in watch.problem
    assert len(caplog.records) == 1


def test_a_topic_that_is_gone_and_a_cluster_that_is_away() -> None:
    cluster, watch = watching()
    cluster.away = True
    assert not asyncio.run(watch.look())
    assert watch.problem == ""
    cluster.away = False
    facts = cluster.facts.pop(VIEWS.name)
    asyncio.run(watch.look())
    assert watch.problem == "missing topics: events.view; run `headwater topics`"
    assert (watch.exists(VIEWS), watch.exists(CLICKS)) == (False, True)
    cluster.facts[VIEWS.name] = facts
    asyncio.run(watch.look())
    assert watch.problem == ""


def test_another_topic_is_known_by_its_number_at_once_and_by_its_end_the_second_time() -> None:
    cluster, watch = watching()
    assert watch.remade("users/0", KNOWN, {"events.click": 40}) == []
    assert watch.remade("users/0", KNOWN, {"events.click": 3}) == []  # the same topic
    assert watch.remade("users/0", AT, {"events.click": 3}) == []
    assert watch.remade("users/0", AT, {"events.click": 3}) == ["events.click"]
    cluster.facts["events.click"] = TopicFacts(4, NEW)
    asyncio.run(watch.look())
    assert watch.remade("users/0", KNOWN, {"events.click": 40}) == ["events.click"]


def test_it_is_said_once_and_counted_for_each_shard(caplog: pytest.LogCaptureFixture) -> None:
    class Counting(Observer):
        counted: list[Any] = []  # noqa: RUF012  of this test alone

        def topic_remade(self, topic: str) -> None:
            self.counted.append(topic)

    _, watch = watching()
    observer = Counting()
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            watch.say_remade(["events.click"], observer)
    assert observer.counted == ["events.click"] * 2
    assert [record.getMessage()[:45] for record in caplog.records] == ["topic events.click was deleted and made again"]
