"""Topics on a real Kafka: created as the file of topics says, verified, never changed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from stream.config import Kafka
from stream.errors import TopicError
from stream.kafka.admin import check, create_or_verify
from stream.processes.broker import Broker
from stream.records.topics import (
    CLICKS,
    DEAD,
    ITEMS,
    KEYED_BY_USER,
    LOG,
    RECOMMENDATIONS,
    TOPICS,
    VIEWS,
    Topic,
    prefixed,
)

pytestmark = pytest.mark.kafka


@pytest.fixture
def config(broker: Broker, namespace: str) -> Kafka:
    return Kafka(broker=broker.address, namespace=namespace.rstrip("."), partitions=3)


@pytest.fixture
def admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    with KafkaAdminClient(bootstrap_servers=broker.address) as client:
        yield client


def create(admin: KafkaAdminClient, config: Kafka, topic: Topic, partitions: int, **settings: str) -> None:
    configs = {key.replace("_", "."): value for key, value in settings.items()}
    wanted = {"num_partitions": partitions, "replication_factor": 1, "configs": configs}
    admin.create_topics({prefixed(config.namespace, topic): wanted}, wait_for_metadata=True)


def underscored(settings: dict[str, str]) -> dict[str, str]:
    return {key.replace(".", "_"): value for key, value in settings.items()}


def differences(config: Kafka) -> dict[str, tuple[str, ...]]:
    """Those of the topics that exist, by their names without the namespace."""
    reports = create_or_verify(config)
    return {
        topic.name: report.differences
        for topic, report in zip(TOPICS, reports, strict=True)
        if report.differences and report.state == "wrong"
    }


def all_settings(admin: KafkaAdminClient, config: Kafka) -> dict[str, dict[str, Any]]:
    """Partitions and settings of those of the topics that exist."""
    wanted = {prefixed(config.namespace, topic) for topic in TOPICS}
    names = sorted(wanted & set(admin.list_topics()))
    found: dict[str, dict[str, Any]] = {
        topic["name"]: {"partitions": len(topic["partitions"])} for topic in admin.describe_topics(names)
    }
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    for name, settings in admin.describe_configs(resources, config_filter="all")["topic"].items():
        found[name] |= {key: entry["value"] for key, entry in settings.items()}
    return found


def test_created_then_good(config: Kafka, admin: KafkaAdminClient) -> None:
    assert {report.state for report in create_or_verify(config)} == {"created"}
    reports = create_or_verify(config)
    assert {report.state for report in reports} == {"good"}
    expected = {prefixed(config.namespace, topic): topic.partitions or 3 for topic in TOPICS}
    assert {report.name: report.partitions for report in reports} == expected
    assert check(config) == expected
    settings = all_settings(admin, config)
    for topic in TOPICS:
        made = settings[prefixed(config.namespace, topic)]
        assert {key: made[key] for key in topic.config} == topic.config


def test_dry_run_creates_nothing(config: Kafka, admin: KafkaAdminClient) -> None:
    reports = create_or_verify(config, dry_run=True)
    assert {report.state for report in reports} == {"missing"}
    assert not any(report.good for report in reports)
    assert not [name for name in admin.list_topics() if name.startswith(f"{config.namespace}.")]


def test_only_what_is_missing_is_created(config: Kafka, admin: KafkaAdminClient) -> None:
    for topic in TOPICS:
        if topic is not VIEWS:
            create(admin, config, topic, topic.partitions or 3, **underscored(topic.config))
    gone = prefixed(config.namespace, VIEWS)
    with pytest.raises(TopicError, match=f"missing topics: {gone}; run `headwater topics`") as raised:
        check(config)
    assert raised.value.exit_code == 4
    assert [report.name for report in create_or_verify(config) if report.state == "created"] == [gone]


def test_every_missing_topic_is_named_in_one_line(config: Kafka) -> None:
    with pytest.raises(TopicError) as raised:
        check(config)
    assert all(prefixed(config.namespace, topic) in str(raised.value) for topic in TOPICS)
    assert "\n" not in str(raised.value)


def test_wrong_partitions_stop_everything(config: Kafka, admin: KafkaAdminClient) -> None:
    create(admin, config, CLICKS, 5)
    create(admin, config, LOG, 2, **underscored(LOG.config))
    before = all_settings(admin, config)
    assert differences(config) == {
        "events.click": ("partitions: must be 3; got 5",),
        "headwater.log": ("partitions: must be 1; got 2",),
    }
    rest = [report for report in create_or_verify(config) if report.state == "missing"]
    assert len(rest) == len(TOPICS) - 2
    assert {report.differences for report in rest} == {("not created, since other topics have wrong partitions",)}
    assert all_settings(admin, config) == before


def test_settings_that_would_lose_data(config: Kafka, admin: KafkaAdminClient) -> None:
    create(admin, config, LOG, 1, cleanup_policy="compact")
    create(admin, config, DEAD, 1, max_message_bytes="1000000")
    create(admin, config, RECOMMENDATIONS, 3)
    before = all_settings(admin, config)
    assert differences(config) == {
        "recommendations": ("cleanup.policy: must be compact; got delete",),
        "events.dead": ("max.message.bytes: must be at least 2097152; got 1000000",),
        "headwater.log": (
            "cleanup.policy: must be delete; got compact",
            "retention.ms: must be -1; got 604800000",
            "max.message.bytes: must be at least 25165824; got 1048588",
        ),
    }
    assert before.items() <= all_settings(admin, config).items()


def test_what_the_operator_may_choose(config: Kafka, admin: KafkaAdminClient) -> None:
    create(admin, config, VIEWS, 3, retention_ms="3600000", cleanup_policy="delete")
    create(admin, config, ITEMS, 1, cleanup_policy="compact")
    create(admin, config, DEAD, 1, max_message_bytes="8000000", retention_ms="-1")
    assert all(report.good for report in create_or_verify(config))
    assert check(config)[prefixed(config.namespace, ITEMS)] == 1


def test_unequal_partitions_are_listed(config: Kafka, admin: KafkaAdminClient) -> None:
    create(admin, config, VIEWS, 2)
    create(admin, config, DEAD, 4)
    for topic in (*(topic for topic in KEYED_BY_USER if topic is not VIEWS), ITEMS, LOG):
        create(admin, config, topic, topic.partitions or 3)
    with pytest.raises(TopicError) as raised:
        check(config)
    assert (
        f"topics keyed by user must have equal partition counts; got {prefixed(config.namespace, VIEWS)} 2, "
        f"{prefixed(config.namespace, CLICKS)} 3, "
    ) in str(raised.value)
    assert f"; {prefixed(config.namespace, DEAD)} must have 1 partition; got 4; run" in str(raised.value)


def test_any_equal_partition_count_will_do_for_a_worker(config: Kafka, admin: KafkaAdminClient) -> None:
    for topic in TOPICS:
        create(admin, config, topic, topic.partitions or 2)
    assert check(config)[prefixed(config.namespace, VIEWS)] == 2


def test_refusal_is_one_line(broker: Broker, config: Kafka) -> None:
    refused = Kafka(broker=broker.address, namespace=config.namespace, replication=3)
    with pytest.raises(TopicError, match=r"refused to create 15 topics, first .*INVALID_REPLICATION_FACTOR") as raised:
        create_or_verify(refused)
    assert "\n" not in str(raised.value)


def test_namespace_that_kafka_does_not_take(broker: Broker) -> None:
    with pytest.raises(TopicError, match=r"'two words.events.view': INVALID_TOPIC"):
        check(Kafka(broker=broker.address, namespace="two words"))


def test_two_at_once(config: Kafka) -> None:
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(create_or_verify, [config, config]))
    assert all(report.good for reports in both for report in reports)


def test_a_codec_that_cannot_be_unpacked_here_is_said(
    admin: KafkaAdminClient, config: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(admin, config, VIEWS, 3, **underscored(VIEWS.config | {"compression.type": "zstd"}))
    assert differences(config) == {}
    assert check(config)
    monkeypatch.setattr("aiokafka.codec.has_zstd", lambda: False)
    said = "compression.type is zstd, which needs a library: `pip install cramjam`"
    assert differences(config) == {VIEWS.name: (said,)}
    with pytest.raises(TopicError, match=r"events\.view: compression\.type is zstd, which needs a library"):
        check(config)
