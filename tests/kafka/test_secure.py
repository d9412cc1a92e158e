"""Over SASL_SSL, with the permissions that the runbook lists and no others, the whole loop runs."""

import gc
import itertools
import re
import subprocess
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType
from kafka.errors import TopicAuthorizationFailedError

from stream.config import Config, Kafka
from stream.errors import BrokerError, UsageError
from stream.kafka.admin import check, create_or_verify
from stream.kafka.security import kafka_options
from stream.processes.broker import Broker, BrokerSettings, free_ports
from stream.processes.kafka_home import find_java
from stream.processes.servers import GatewayProcess, WorkerProcess
from stream.records.codec import encode
from stream.records.schemas import Recommendation
from stream.records.topics import CLICKS, LOG, RECOMMENDATIONS, TOPICS, prefixed
from tests.support.kafka_site import event, until

pytestmark = pytest.mark.kafka
RUNBOOK = Path(__file__).parents[2] / "deploy" / "README.md"
ROW = re.compile(r"^\| (\w+) \| (topics|group) ([^|]+) \| ([A-Z_, ]+) \|$", re.MULTILINE)
WHO = ("topics", "worker", "gateway", "producer", "consumer")
NAMESPACE = "shop"


class Secured(NamedTuple):
    """A broker that knows everybody of the runbook, and where its certificate is."""

    broker: Broker
    kafka: Kafka

    def of(self, who: str) -> Kafka:
        return msgspec.structs.replace(self.kafka, sasl_username=who, sasl_password=f"{who}-secret")


def certificate(directory: Path) -> tuple[Path, Path]:
    """A key store for the broker, and the certificate that clients must trust."""
    keytool = Path(find_java()).with_name("keytool")
    store, pem = directory / "broker.p12", directory / "ca.pem"
    common = ["-keystore", str(store), "-storepass", "storepass", "-alias", "broker"]
    made = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=broker", "-ext", "san=ip:127.0.0.1", "-storetype", "PKCS12"]
    for command in ([*made, "-validity", "2"], ["-exportcert", "-rfc", "-file", str(pem)]):
        subprocess.run([str(keytool), *command, *common], check=True, capture_output=True, timeout=60)
    return store, pem


def permissions() -> list[ACL]:
    """Those of the runbook's table."""
    found = []
    for who, kind, names, operations in ROW.findall(RUNBOOK.read_text("utf-8")):
        if kind == "group":
            resources = [ResourcePattern(ResourceType.GROUP, f"{NAMESPACE}.{names}")]
        else:
            every = [topic.name for topic in TOPICS] if names == "all" else names.split(", ")
            resources = [ResourcePattern(ResourceType.TOPIC, f"{NAMESPACE}.{name}") for name in every]
        found += [
            ACL(f"User:{who}", "*", ACLOperation[operation], ACLPermissionType.ALLOW, resource)
            for operation in operations.split(", ")
            for resource in resources
        ]
    return found


@pytest.fixture(scope="module")
def secured(needs_kafka: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    store, pem = certificate(tmp_path_factory.mktemp("tls"))
    port, guarded_port, controller = free_ports(3)
    listeners = f"PLAINTEXT://127.0.0.1:{port},GUARDED://127.0.0.1:{guarded_port}"
    users = " ".join(f'user_{who}="{who}-secret"' for who in WHO)
    properties = {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_SSL",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.guarded.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
        ),
        "ssl.keystore.location": str(store),
        "ssl.keystore.password": "storepass",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # the broker itself, and who writes the permissions down
    }
    with Broker(BrokerSettings(port=port, properties=properties)) as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        try:
            assert not admin.create_acls(permissions())["failed"]
        finally:
            admin.close()
        kafka = Kafka(
            broker=f"127.0.0.1:{guarded_port}", namespace=NAMESPACE, partitions=2, security_protocol="SASL_SSL",
            ssl_cafile=str(pem),
        )  # fmt: skip
        yield Secured(broker, kafka)


def test_the_table_names_everybody_and_every_operation_once() -> None:
    found = permissions()
    assert {acl.principal for acl in found} == {f"User:{who}" for who in WHO}
    assert len({(acl.principal, str(acl.resource_pattern), acl.operation) for acl in found}) == len(found)


def test_the_loop_runs_with_the_permissions_of_the_runbook(secured: Secured, tmp_path: Path) -> None:
    assert all(report.good for report in create_or_verify(secured.of("topics")))
    log, gateway_log = tmp_path / "worker.log", tmp_path / "gateway.log"
    snapshots = msgspec.structs.replace(Config().worker, snapshot_s=1.0)
    producer = KafkaProducer(**kafka_options(secured.of("producer")))
    consumer = KafkaConsumer(
        **kafka_options(secured.of("consumer")), group_id=f"{NAMESPACE}.shop", auto_offset_reset="earliest"
    )
    consumer.subscribe([prefixed(NAMESPACE, RECOMMENDATIONS)])
    gateway_config = Config(kafka=secured.of("gateway"), gateway=msgspec.structs.replace(Config().gateway, open=True))
    with (
        WorkerProcess(Config(kafka=secured.of("worker"), worker=snapshots), log) as worker,
        GatewayProcess(gateway_config, gateway_log) as gateway,
    ):
        worker.wait_ready()
        gateway.wait_ready()
        seen: set[str] = set()
        sent = itertools.count()

        def answered() -> bool:
            # A user whose event comes before the model has folded any item has no slate, until the next event.
            for n in itertools.islice(sent, 4):
                click = event(f"u{n % 2}", f"i{n % 4}", f"e{n}")
                producer.send(prefixed(NAMESPACE, CLICKS), encode(click), key=click.user_id.encode()).get(timeout=20)
            for records in consumer.poll(timeout_ms=1000).values():
                seen.update(msgspec.json.decode(record.value, type=Recommendation).user_id for record in records)
            return {"u0", "u1"} <= seen

        until(answered, "slates of both users", 60)
        until(lambda: gateway.page("/v1/users/u0/recommendations")[0] == 200, "a slate from the gateway", 20)
        # Snapshots are committed and the log is truncated: READ, WRITE and DELETE of the three inner topics.
        until(lambda: worker.metrics().get('headwater_snapshot_size_bytes{type="model"}', 0), "a snapshot", 30)
        time.sleep(3 * snapshots.snapshot_s)
    consumer.close()
    producer.close()
    for output in (log.read_text(), gateway_log.read_text()):
        assert "uthoriz" not in output
        assert "Traceback" not in output


def test_what_is_not_permitted_is_refused(secured: Secured) -> None:
    create_or_verify(secured.of("topics"))
    for who in ("consumer", "producer"):
        writer = KafkaProducer(**kafka_options(secured.of(who)), max_block_ms=5000)
        with pytest.raises(TopicAuthorizationFailedError):
            writer.send(prefixed(NAMESPACE, LOG), b"{}").get(timeout=10)
        writer.close()


def test_wrong_trust_is_one_line_and_a_wrong_file_is_named(secured: Secured, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # kafka-python drops its sockets unclosed
        with pytest.raises(BrokerError, match="does not answer as Kafka should") as raised:
            check(msgspec.structs.replace(secured.of("worker"), ssl_cafile=""))
        assert "\n" not in str(raised.value)
        del raised
        gc.collect()
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(UsageError, match=r"kafka\.ssl_\*: must name PEM files .* got .*ca\.pem"):
        check(msgspec.structs.replace(secured.of("worker"), ssl_cafile=str(tmp_path / "ca.pem")))
