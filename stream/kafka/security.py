"""Options of all Kafka clients from the settings of section `kafka`: addresses, TLS, SASL."""

import ssl
from typing import Any
from urllib.parse import urlsplit

from stream.config import Kafka
from stream.errors import UsageError
from stream.kafka.unreadable import step_over

MOCK_API_VERSION = (2, 3)  # kafka-python cannot find out that of librdkafka's mock cluster
MAX_PORT = 65535


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
        "bootstrap_servers": [joined(*address) for address in addresses(config)],
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


def addresses(config: Kafka) -> list[tuple[str, int]]:
    """Host and port of each broker in the setting `kafka.broker`, whichever way they are written.

    A scheme may stand before them: `kafka://` as Faust writes it, or a listener's protocol as Kafka does, if it is the
    one of the settings.

    Raises
    ------
    UsageError
        saying which address, and what it must be

    Examples
    --------
    >>> addresses(Kafka(broker="kafka-1:9092, kafka://kafka-2:9092,PLAINTEXT://[::1]:9092/"))
    [('kafka-1', 9092), ('kafka-2', 9092), ('::1', 9092)]
    """
    found = [_address(part.strip(), config) for part in config.broker.split(",") if part.strip()]
    if not found:
        raise UsageError(_must(config.broker, "nothing is named"))
    return found


def joined(host: str, port: int) -> str:
    """The address as Kafka's clients take it.

    >>> joined("::1", 9092)
    '[::1]:9092'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _address(text: str, config: Kafka) -> tuple[str, int]:
    scheme, separator, rest = text.rpartition("://")
    if separator and scheme.lower() != "kafka" and scheme.upper() != config.security_protocol:
        listener = scheme.upper() in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
        what = f"set HEADWATER_KAFKA_SECURITY_PROTOCOL={scheme.upper()}" if listener else f"{scheme}:// is not Kafka"
        raise UsageError(_must(text, what))
    if "@" in rest:
        secret = f"{text[: len(text) - len(rest)]}***@{rest.rpartition('@')[2]}"
        raise UsageError(_must(secret, "name and password are the settings kafka.sasl_username and sasl_password"))
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(_must(text, f"its port must be a number up to {MAX_PORT}")) from None
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageError(_must(text, "nothing may follow the port"))
    if not host or any(character.isspace() for character in rest):
        raise UsageError(_must(text, "the host is missing"))
    if ":" in host and not rest.startswith("["):
        raise UsageError(_must(text, "an IPv6 address stands in brackets"))
    if not port or not rest.rstrip("/").rpartition(":")[2].isascii():
        raise UsageError(_must(text, f"the port is missing: Kafka's is usually 9092, as in {joined(host, 9092)}"))
    return host, port


def _must(address: str, what: str) -> str:
    return f"broker {address!r}: must be host:port; {what}; set --broker or HEADWATER_BROKER"


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
