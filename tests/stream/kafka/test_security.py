"""The security settings open a listener that asks for a password: for kafka-python and for aiokafka."""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from stream.app import settings
from stream.config import Config, Kafka
from stream.errors import BrokerError, UsageError
from stream.kafka.admin import check, create_or_verify
from stream.kafka.security import addresses, aiokafka_options
from stream.processes.broker import Broker, BrokerSettings, free_ports

pytestmark = pytest.mark.kafka
LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_shop="secret";'


@pytest.fixture(scope="module")
def guarded(needs_kafka: None) -> Iterator[Kafka]:
    """Settings for a broker that knows the user `shop`."""
    port, guarded_port, controller = free_ports(3)
    listeners = f"PLAINTEXT://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded_port}"
    properties = {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": LOGIN,
    }
    with Broker(BrokerSettings(port=port, properties=properties)):
        yield Kafka(
            broker=f"127.0.0.1:{guarded_port}", partitions=1, security_protocol="SASL_PLAINTEXT",
            sasl_username="shop", sasl_password="secret",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("broker", "what"),
    [
        ("http://h:9092", "http:// is not Kafka"), ("SSL://h:9092", "set HEADWATER_KAFKA_SECURITY_PROTOCOL=SSL"),
        ("h", "the port is missing: Kafka's is usually 9092, as in h:9092"), ("h:0", "the port is missing"),
        ("h:99999", "its port must be a number up to 65535"), ("h:kafka", "its port must be a number"),
        ("kafka://", "the host is missing"), ("::1:9092", "the port|its port"), ("h:9092/x", "nothing may follow"),
        ("kafka://ada:secret@h:9092", "kafka.sasl_username"), (" , ", "nothing is named"), ("h :9092", "the host"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_one_line(broker: str, what: str) -> None:
    with pytest.raises(UsageError, match=what) as raised:
        addresses(Kafka(broker=broker))
    assert "must be host:port" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_every_way_to_write_an_address_is_the_same_to_every_client(guarded: Kafka) -> None:
    for scheme in ("kafka://", "sasl_plaintext://", "KAFKA://"):
        written = msgspec.structs.replace(guarded, broker=f"{scheme}{guarded.broker}/")
        assert aiokafka_options(written)["bootstrap_servers"] == [guarded.broker]
        assert settings(Config(kafka=written))["broker"] == [f"kafka://{guarded.broker}"]
        assert all(report.good for report in create_or_verify(written))


def test_both_clients_get_in(guarded: Kafka) -> None:
    async def produce() -> int:
        producer = AIOKafkaProducer(**aiokafka_options(guarded))
        await producer.start()
        try:
            return int((await producer.send_and_wait("outcomes", b"{}")).offset)
        finally:
            await producer.stop()

    assert all(report.good for report in create_or_verify(guarded))
    assert check(guarded)["outcomes"] == 1
    assert asyncio.run(produce()) == 0


@pytest.mark.parametrize(
    "changed", [{"sasl_password": "wrong"}, {"sasl_mechanism": "SCRAM-SHA-256"}, {"security_protocol": "PLAINTEXT"}]
)
def test_wrong_credentials_are_one_line(guarded: Kafka, changed: dict[str, str]) -> None:
    with pytest.raises(BrokerError, match=r"check .* the credentials$") as raised:
        check(msgspec.structs.replace(guarded, **changed))
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)
