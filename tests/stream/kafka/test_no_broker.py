"""What the topic commands say when there is no Kafka to talk to."""

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator

import pytest

from stream.config import Kafka
from stream.errors import BrokerError, UsageError
from stream.kafka.admin import check, create_or_verify
from stream.kafka.security import aiokafka_options, kafka_options


@pytest.fixture
def deaf() -> Iterator[str]:
    """Address of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("ask", [check, create_or_verify])
def test_nothing_listens(ask: Callable[[Kafka], object]) -> None:
    address = closed_port()
    with pytest.raises(BrokerError, match=f"not reachable: {address}: Connection refused; start one") as raised:
        ask(Kafka(broker=address))
    assert raised.value.exit_code == 3
    assert "\n" not in str(raised.value)


def test_every_address_is_named() -> None:
    first, second = closed_port(), closed_port()
    with pytest.raises(BrokerError) as raised:
        check(Kafka(broker=f"{first}, {second}"))
    assert first in str(raised.value)
    assert second in str(raised.value)


def test_no_kafka_at_that_port(deaf: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    begin = time.monotonic()
    with pytest.raises(BrokerError, match=f"broker {deaf}: something listens there, but does not answer"):
        check(Kafka(broker=deaf))
    assert time.monotonic() - begin < 5.0
    assert not caplog.records, "kafka-python's retries are not for the reader of one line"
    assert capfd.readouterr() == ("", "")


def test_kafka_python_logs_again_afterwards() -> None:
    logger = logging.getLogger("kafka")
    before = logger.level
    with pytest.raises(BrokerError):
        check(Kafka(broker=closed_port()))
    assert logger.level == before


@pytest.mark.parametrize("broker", ["kafka", "kafka:", ":9092", "kafka:port", "kafka:70000", "a:1,b", ""])
def test_address_is_host_and_port(broker: str) -> None:
    with pytest.raises(UsageError, match="must be host:port"):
        check(Kafka(broker=broker))


def test_secrets_only_go_where_sasl_is_spoken() -> None:
    config = Kafka(security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512", sasl_username="u", sasl_password="p")
    options = kafka_options(config)
    context = options.pop("ssl_context")
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert options == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }
    plain = Kafka(sasl_username="u", sasl_password="p")
    assert aiokafka_options(plain) == {"bootstrap_servers": ["127.0.0.1:9092"], "security_protocol": "PLAINTEXT"}
