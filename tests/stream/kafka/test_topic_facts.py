"""Partition counts and numbers of topics, from a real cluster."""

import asyncio
from contextlib import closing

import pytest
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from stream.config import Kafka
from stream.kafka.admin import create_or_verify
from stream.kafka.topic_facts import REAL, FactsReader
from stream.processes.broker import Broker, free_ports
from stream.records.topics import CLICKS, LOG, VIEWS, prefixed
from tests.support.kafka_site import until

pytestmark = pytest.mark.kafka


def test_a_topic_made_again_has_another_number(broker: Broker, namespace: str) -> None:
    config = Kafka(broker=broker.address, namespace=namespace.rstrip("."), partitions=3)
    create_or_verify(config)
    with closing(FactsReader(config)) as reader:
        before = asyncio.run(reader.read((VIEWS, CLICKS, LOG)))
        assert [before[topic.name].partitions for topic in (VIEWS, CLICKS, LOG)] == [3, 3, 1]
        assert len({facts.number for facts in before.values()}) == 3
        assert all(facts.number >= REAL for facts in before.values())
        with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
            admin.delete_topics([prefixed(config.namespace, CLICKS)])
        only = {VIEWS.name: before[VIEWS.name]}
        until(lambda: asyncio.run(reader.read((VIEWS, CLICKS))) == only, "the topic to be gone")
        create_or_verify(config)
        after = asyncio.run(reader.read((VIEWS, CLICKS)))
    assert after[VIEWS.name] == before[VIEWS.name]
    assert after[CLICKS.name].number != before[CLICKS.name].number


def test_nobody_answers() -> None:
    with (
        closing(FactsReader(Kafka(broker=f"127.0.0.1:{free_ports(1)[0]}"))) as reader,
        pytest.raises(KafkaError),
    ):
        asyncio.run(reader.read((VIEWS,)))
