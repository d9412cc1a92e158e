"""Options of all Kafka clients from the settings of section `kafka`: addresses, TLS, SASL."""

import ssl
from typing import Any

from stream.config import Kafka
from stream.errors import UsageError
from stream.kafka.unreadable import step_over

MOCK_API_VERSION = (2, 3)  # kafka-python cannot find out that of librdkafka's mock cluster


def kafka_options(config: Kafka) -> dict[str, Any]:
    """Addresses and security settings as arguments of kafka-python's clients.

    >>> kafka_options(Kafka(broker="kafka-1:9092, kafka-2:9092"))
    {'bootstrap_servers': ['kafka-1:9092', 'kafka-2:9092'], 'security_protocol': 'PLAINTEXT'}
    """
    options = aiokafka_options(config)
    if config.mock:
        options["api_version"] = MOCK_API_VERSION
    return options


def aiokafka_options(config: Kafka) -> dict[str, Any]:
    """The same as arguments of aiokafka's clients, which negotiate versions themselves.

    Whoever connects asks for them, so from here on all consumers of the process step over what cannot be read.
    """
    step_over()
    options: dict[str, Any] = {
        "bootstrap_servers": [address.strip() for address in config.broker.split(",")],
        "security_protocol": config.security_protocol,
    }
    if config.security_protocol.endswith("SSL"):
        options["ssl_context"] = tls_context(config)
    if config.security_protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": config.sasl_mechanism,
            "sasl_plain_username": config.sasl_username,
            "sasl_plain_password": config.sasl_password,
        }
    return options


def tls_context(config: Kafka) -> ssl.SSLContext:
    """TLS context that checks the brokers' certificates and names, with the client's own certificate if there is one.

    Raises
    ------
    UsageError
        if a file cannot be read or does not hold what it must
    """
    try:
        context = ssl.create_default_context(cafile=config.ssl_cafile or None)
        if config.ssl_certfile:
            context.load_cert_chain(config.ssl_certfile, config.ssl_keyfile or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (config.ssl_cafile, config.ssl_certfile, config.ssl_keyfile)))
        raise UsageError(
            f"kafka.ssl_*: must name PEM files of certificates, and of the key that goes with ssl_certfile; "
            f"got {files}: {error}"
        ) from error
    return context
