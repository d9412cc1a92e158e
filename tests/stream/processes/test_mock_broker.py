"""The stand-in takes a record and gives it back."""

import socket
import time

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from stream.processes.kafka_home import BrokerUnavailableError
from stream.processes.mock_broker import MockBroker


def test_record_goes_through_and_the_broker_goes() -> None:
    with MockBroker() as broker:
        broker.create_topic("events", 2)
        producer = KafkaProducer(bootstrap_servers=broker.address, api_version=(2, 3))
        assert producer.partitions_for("events") == {0, 1}
        producer.send("events", b"click").get(timeout=10)
        producer.close()
        consumer = KafkaConsumer(bootstrap_servers=broker.address, api_version=(2, 3), auto_offset_reset="earliest")
        # Assigned, not subscribed: without a group kafka-python now and then (one start in 200) misses the answer that
        # names the partitions, and waits five minutes for the next.
        consumer.assign([TopicPartition("events", partition) for partition in range(2)])
        deadline, values = time.monotonic() + 30, list[bytes]()
        while not values and time.monotonic() < deadline:
            values = [record.value for batch in consumer.poll(timeout_ms=200).values() for record in batch]
        consumer.close()
        assert values == [b"click"]
        with pytest.raises(BrokerUnavailableError, match="refused topic 'events' of 2 partitions"):
            broker.create_topic("events", 2)
        host, port = broker.address.split(":")
    with socket.socket() as client:
        assert client.connect_ex((host, int(port))) != 0
