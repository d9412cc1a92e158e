"""A real Apache Kafka of one node on this machine, for tests, the demo and trying things out.

`Broker` starts Kafka in KRaft mode (broker and controller in one process, no ZooKeeper) from the jars of
`stream.processes.kafka_home`, bound to 127.0.0.1 without any security, and ends it when the block or the parent
process ends::

    with Broker() as broker:
        KafkaProducer(bootstrap_servers=broker.address)
"""

import base64
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from stream.processes.kafka_home import (
    DEPLOY,
    BrokerUnavailableError,
    find_java,
    install,
    kafka_available,
    last_lines,
    run,
)
from stream.processes.supervisor import Supervised, supervised

__all__ = ["Broker", "BrokerSettings", "BrokerUnavailableError", "kafka_available"]

HOST = "127.0.0.1"
CLUSTER_ID = base64.urlsafe_b64encode(b"headwater-broker").decode().rstrip("=")  # Kafka wants 16 bytes
CLASSES = "classes.jsa"  # in the directory of the jars: Kafka's classes as the JVM keeps them in memory
# The better compiler takes half a core in the first minutes, and such a broker seldom lives much longer.
QUICK_JVM = ("-XX:TieredStopAtLevel=1",)
MIN_FREE_BYTES = 256 << 20  # segments and indexes of a short run

# One copy of everything, one partition of each internal topic, and no waiting for more members of a consumer group.
# After a crash the node registers anew only when its last life's session has run out: 3 s, where Kafka's default is 9.
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """How the development broker runs.

    Parameters
    ----------
    port
        TCP port on 127.0.0.1; 0 chooses a free one at the first start and keeps it.
    data_dir
        Directory for data, configuration and log; without one, a temporary directory that `close` removes.
    heap_mb
        Largest Java heap, in MiB.
    start_timeout_s, stop_timeout_s
        Seconds until a start fails; seconds from SIGTERM to SIGKILL.
    properties
        Further lines of Kafka's `server.properties`; they win over those written here.
    jvm_options
        Further options of the Java virtual machine.
    """

    port: int = 0
    data_dir: Path | None = None
    heap_mb: int = 512
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0
    properties: Mapping[str, str] = field(default_factory=dict)
    jvm_options: Sequence[str] = QUICK_JVM


class Broker:
    """One Kafka node, running between `start` and `stop`; data and port outlive a stop, so it can be started again.

    Parameters
    ----------
    settings
        How to run it.
    home
        Directory of the jars; by default the one in the user's cache, made at the first start.
    """

    def __init__(self, settings: BrokerSettings | None = None, home: Path | None = None) -> None:
        self.settings = settings or BrokerSettings()
        self.port = self.settings.port
        self.pid = 0  # of the Java process, 0 while stopped
        self._home = home
        self._child: Supervised | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    @property
    def address(self) -> str:
        """Address for clients, `127.0.0.1:port`."""
        return f"{HOST}:{self.port}"

    @property
    def data_dir(self) -> Path:
        """Directory of `server.properties`, `kafka.log` and the data (`data`)."""
        if self.settings.data_dir is not None:
            return self.settings.data_dir.resolve()
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="headwater-kafka-")
        return Path(self._scratch.name)

    def start(self) -> None:
        """Return when Kafka answers; raise `BrokerUnavailableError` when it cannot run or does not answer in time."""
        if self._child is not None:
            raise RuntimeError(f"the broker on {self.address} was started already: stop it first")
        java = find_java()
        if self.port and not port_is_free(self.port):
            raise BrokerUnavailableError(
                f"port {self.port} of {HOST} is taken: stop what listens there, or choose another (0: any free one)"
            )
        home = self._home or install(_record_classes)
        jvm = [java, "-Xlog:disable", f"-Dlog4j2.configurationFile={DEPLOY / 'log4j2.xml'}"]
        if (home / CLASSES).exists():
            jvm.append(f"-XX:SharedArchiveFile={CLASSES}")  # halves the start; a JVM it does not fit ignores it
        try:
            self._configure()
            if not (self.data_dir / "data" / "meta.properties").exists():
                self._format(jvm, home)
            self._launch(jvm, home)
        except OSError as error:
            self.stop()
            raise BrokerUnavailableError(f"cannot write to {self.data_dir}: {error}; choose another place") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop Kafka in good order, within `stop_timeout_s`; nothing happens if it is not running."""
        if self._child is not None:
            self._child.close(self.settings.stop_timeout_s + 2.0)
            self._child, self.pid = None, 0

    def kill(self) -> None:
        """End Kafka as a crash does (`kill -9`); `start` finds its data as the crash left them."""
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.stop()

    def close(self) -> None:
        """Stop, and remove the data if their directory is a temporary one."""
        self.stop()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _configure(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if (free := shutil.disk_usage(self.data_dir).free) < MIN_FREE_BYTES:
            raise BrokerUnavailableError(
                f"{self.data_dir} has {free >> 20} MiB left and Kafka needs {MIN_FREE_BYTES >> 20}: "
                "free some space, or choose another place"
            )
        controller, other = free_ports(2)
        self.port = self.port or other
        properties = PROPERTIES | {
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
            "controller.quorum.voters": f"1@{HOST}:{controller}",
            "log.dirs": str(self.data_dir / "data"),
            **self.settings.properties,
        }
        lines = (f"{name}={value}\n" for name, value in properties.items())
        (self.data_dir / "server.properties").write_text("".join(lines), "utf-8")

    def _format(self, jvm: Sequence[str], home: Path) -> None:
        command = [*jvm, "-XX:TieredStopAtLevel=1", "-cp", "libs/*", "kafka.tools.StorageTool", "format"]
        command += ["-t", CLUSTER_ID, "-c", str(self.data_dir / "server.properties")]
        try:
            done = run(command, self.settings.start_timeout_s, cwd=home)
        except subprocess.TimeoutExpired as error:
            raise BrokerUnavailableError(
                f"{self.data_dir} was not formatted within {self.settings.start_timeout_s:g} s"
            ) from error
        if done.returncode:
            raise BrokerUnavailableError(
                f"Kafka could not format {self.data_dir}; its output:\n{last_lines(done.stdout)}"
            )

    def _launch(self, jvm: Sequence[str], home: Path) -> None:
        deadline = time.monotonic() + self.settings.start_timeout_s
        # The archive of classes holds good for one class path as written, hence a relative one and `cwd`.
        options = [f"-Xmx{self.settings.heap_mb}m", *self.settings.jvm_options, "-cp", "libs/*"]
        command = [*jvm, *options, "kafka.Kafka", str(self.data_dir / "server.properties")]
        with (self.data_dir / "kafka.log").open("wb") as log:
            self._child = supervised(command, log, self.settings.stop_timeout_s, cwd=home)
        self.pid = int(self._child.read_line(self.settings.start_timeout_s) or 0)
        while not _answers(self.address):
            if self._child.ended:
                raise self._failure("ended before it answered")
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer within {self.settings.start_timeout_s:g} s")
            time.sleep(0.02)

    def _failure(self, what: str) -> BrokerUnavailableError:
        log = (self.data_dir / "kafka.log").read_text("utf-8", "replace")
        return BrokerUnavailableError(
            f"Kafka on {self.address} with data in {self.data_dir} {what}; the end of its log:\n"
            f"{last_lines(log) or '(empty)'}"
        )


def _record_classes(home: Path) -> None:
    """Run Kafka once so that the JVM can write the archive of its classes as it exits."""
    record = f"-XX:ArchiveClassesAtExit={home / CLASSES}"
    with Broker(BrokerSettings(jvm_options=(*QUICK_JVM, record), stop_timeout_s=60.0), home):
        pass


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka binds: old connections do not matter
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    # Below the range from which the kernel serves outgoing connections: a client that connects to a stopped
    # broker's port could be given that very port, connect to itself and block the broker's restart.
    ports = (port for port in random.SystemRandom().sample(range(20_000, 32_000), 200) if port_is_free(port))
    return [next(ports) for _ in range(count)]


def _answers(address: str) -> bool:
    """Whether a Kafka at `address` describes itself."""
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1.0).close()
        admin = KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=2000, request_timeout_ms=2000)
    except (OSError, KafkaError):
        return False
    try:
        return bool(admin.describe_cluster())
    except KafkaError:
        return False
    finally:
        admin.close()
