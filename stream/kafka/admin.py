"""The cluster's topics: create the missing ones, verify all, never change an existing one."""

import contextlib
import logging
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from stream.config import Kafka
from stream.errors import BrokerError, TopicError
from stream.kafka.security import addresses, joined, kafka_options
from stream.kafka.unreadable import missing_codecs
from stream.records.topics import DEAD, KEYED_BY_USER, LOG, TOPICS, Topic, prefixed

CONNECT_S = 2.0  # to open a connection, all addresses together; then as long again until Kafka describes itself
REQUEST_MS = 10_000
CODEC = "compression.type"


class TopicReport(NamedTuple):
    """The state of one topic, as `create_or_verify` found or made it.

    >>> print(TopicReport("events.view", "wrong", 4, ("partitions: must be 8; got 4",)))
    events.view: wrong, 4 partitions; partitions: must be 8; got 4
    """

    name: str  # with the namespace
    state: Literal["created", "good", "missing", "wrong"]
    partitions: int  # of a missing topic: as many as it is to have
    differences: tuple[str, ...] = ()  # what must hold, and what was found

    @property
    def good(self) -> bool:
        """Whether a worker can use the topic."""
        return self.state in ("created", "good")

    def __str__(self) -> str:
        noun = "partition" if self.partitions == 1 else "partitions"
        return "; ".join((f"{self.name}: {self.state}, {self.partitions} {noun}", *self.differences))


def create_or_verify(config: Kafka, *, dry_run: bool = False) -> list[TopicReport]:
    """Create the topics that are missing and report on all; those that exist are never changed.

    As long as an existing topic has a wrong number of partitions nothing is created: one half of the topics keyed by
    user would get another number than the other.

    Parameters
    ----------
    dry_run
        Create nothing; what would be created is reported as missing.

    Raises
    ------
    BrokerError
        within about five seconds, if no Kafka answers
    TopicError
        if the cluster refuses to create a topic
    """
    with _connected(config) as admin:
        before = _verify(admin, config)
        missing = [topic for topic, report in zip(TOPICS, before, strict=True) if report.state == "missing"]
        if dry_run or not missing:
            return before
        if any(difference.startswith("partitions") for report in before for difference in report.differences):
            reason = ("not created, since other topics have wrong partitions",)
            return [report._replace(differences=reason) if report.state == "missing" else report for report in before]
        _create(admin, config, missing)
        return [
            new._replace(state="created") if old.state == "missing" and new.good else new
            for old, new in zip(before, _verify(admin, config), strict=True)
        ]


def check(config: Kafka) -> dict[str, int]:
    """Check that a worker can use the topics; returns their partition counts by full name.

    Raises
    ------
    BrokerError
        within about five seconds, if no Kafka answers
    TopicError
        naming every topic that is missing, and the partition counts that are not as they must be
    """
    with _connected(config) as admin:
        found = _partitions(admin, [prefixed(config.namespace, topic) for topic in TOPICS])
        packed = _packed(admin, found) if missing_codecs() else []
    if problems := _problems(config.namespace, found):
        raise TopicError(f"broker {config.broker}: {'; '.join(problems)}; run `headwater topics`")
    if packed:
        raise TopicError(f"broker {config.broker}: {'; '.join(packed)}")
    return found


def _problems(namespace: str, found: dict[str, int]) -> list[str]:
    names = [prefixed(namespace, topic) for topic in TOPICS]
    problems = []
    if missing := [name for name in names if name not in found]:
        problems.append(f"missing topics: {', '.join(missing)}")
    by_user = {name: found[name] for topic in KEYED_BY_USER if (name := prefixed(namespace, topic)) in found}
    if len(set(by_user.values())) > 1:
        counts = ", ".join(f"{name} {count}" for name, count in by_user.items())
        problems.append(f"topics keyed by user must have equal partition counts; got {counts}")
    single = {name: found[name] for topic in (DEAD, LOG) if (name := prefixed(namespace, topic)) in found}
    problems += [f"{name} must have 1 partition; got {count}" for name, count in single.items() if count != 1]
    return problems


def _packed(admin: KafkaAdminClient, names: Iterable[str]) -> list[str]:
    """Topics that the broker packs with a codec that this installation cannot unpack."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, [CODEC]) for name in names]
    settings = admin.describe_configs(resources, config_filter="all")["topic"]
    return [f"{name}: {said}" for name in names if (said := _unpackable(settings[name][CODEC]["value"]))]


def _unpackable(codec: str) -> str:
    """Why batches of a codec cannot be read here; empty: they can."""
    package = missing_codecs().get(codec)
    return f"{CODEC} is {codec}, which needs a library: `pip install {package}`" if package else ""


@contextlib.contextmanager
def _connected(config: Kafka) -> Iterator[KafkaAdminClient]:
    """Connect; a failure becomes one `BrokerError`, so kafka-python's own warnings and errors are kept quiet."""
    logger = logging.getLogger("kafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        _probe(config)
        admin = KafkaAdminClient(
            **kafka_options(config), bootstrap_timeout_ms=int(CONNECT_S * 1000), request_timeout_ms=REQUEST_MS
        )
        with admin:
            yield admin
    except KafkaError as error:
        raise BrokerError(
            f"broker {config.broker}: something listens there, but does not answer as Kafka should ({error}); "
            "check the address, its advertised listeners, kafka.security_protocol and the credentials"
        ) from error
    finally:
        logger.setLevel(level)


def _probe(config: Kafka) -> None:
    """Connect to one address at least: kafka-python leaks sockets and a thread where nothing listens."""
    brokers, reasons = addresses(config), []
    for host, port in brokers:
        try:
            socket.create_connection((host, port), timeout=CONNECT_S / len(brokers)).close()
        except OSError as error:
            reasons.append(f"{joined(host, port)}: {error.strerror or error}")
        else:
            return
    raise BrokerError(
        f"broker not reachable: {'; '.join(reasons)}; start one (`headwater broker --port 9092`), "
        "or set --broker or HEADWATER_BROKER"
    )


def _verify(admin: KafkaAdminClient, config: Kafka) -> list[TopicReport]:
    names = [prefixed(config.namespace, topic) for topic in TOPICS]
    partitions = _partitions(admin, names)
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, [*topic.config, CODEC])
        for topic, name in zip(TOPICS, names, strict=True)
        if name in partitions
    ]
    settings = admin.describe_configs(resources, config_filter="all")["topic"] if resources else {}
    reports = []
    for topic, name in zip(TOPICS, names, strict=True):
        if name not in partitions:
            reports.append(TopicReport(name, "missing", topic.partitions or config.partitions))
            continue
        found = {key: entry["value"] for key, entry in settings[name].items()}
        differences = _differences(topic, config.partitions, partitions[name], found)
        reports.append(TopicReport(name, "wrong" if differences else "good", partitions[name], differences))
    return reports


def _differences(topic: Topic, by_user: int, partitions: int, found: dict[str, str]) -> tuple[str, ...]:
    wanted = by_user if topic in KEYED_BY_USER else topic.partitions  # None: any number will do
    differences = [f"partitions: must be {wanted}; got {partitions}"] if wanted not in (None, partitions) else []
    if said := _unpackable(found.get(CODEC, "")):
        differences.append(said)
    for key, value in topic.config.items():
        have = found[key]
        if key == "max.message.bytes":
            if int(have) < int(value):
                differences.append(f"{key}: must be at least {value}; got {have}")
        elif key.startswith("retention.") and value != "-1":
            continue  # how long records stay is the operator's choice, but the log must never lose any
        elif have != value:
            differences.append(f"{key}: must be {value}; got {have}")
    return tuple(differences)


def _partitions(admin: KafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    """Partition counts of those topics that exist."""
    described = {topic["name"]: topic for topic in admin.describe_topics(names)}
    found = {}
    for name in names:
        error = for_code(described[name]["error_code"])
        if error is NoError:
            found[name] = len(described[name]["partitions"])
        elif error is not UnknownTopicOrPartitionError:
            raise TopicError(f"topic {name!r}: {error.message} ({error.description})")
    return found


def _create(admin: KafkaAdminClient, config: Kafka, topics: Sequence[Topic]) -> None:
    names = [prefixed(config.namespace, topic) for topic in topics]
    wanted = {
        name: {
            "num_partitions": topic.partitions or config.partitions,
            "replication_factor": config.replication,
            "configs": topic.config,
        }
        for name, topic in zip(names, topics, strict=True)
    }
    refused = []
    for answer in admin.create_topics(wanted, raise_errors=False)["topics"]:
        error = for_code(answer["error_code"])
        if error not in (NoError, TopicAlreadyExistsError):  # another run of this command may have been quicker
            refused.append(f"{answer['name']}: {error.message} ({answer.get('error_message') or error.description})")
    if refused:
        raise TopicError(f"broker {config.broker}: refused to create {len(refused)} topics, first {refused[0]}")
    admin.wait_for_topics(names)
