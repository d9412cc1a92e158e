"""librdkafka's mock cluster as a stand-in where Java or Maven is absent: for the demo, never as proof.

It comes with the confluent-kafka wheel, keeps everything in memory and runs in a process of its own
(`python -m stream.processes.mock_broker`). What it cannot do:

* kafka-python needs `api_version=(2, 3)` with it;
* a fetch that finds nothing waits its whole maximum, new data do not wake it;
* a rebalance takes about the session timeout, and a member that synchronises late is left without partitions: one
  worker at a time;
* about 5 MB are kept per partition, the oldest records go; no compaction, no retention by time, no topic settings;
* transactions cannot be observed, and nothing outlives the process.
"""

import ctypes
import importlib.util
import os
import subprocess
import sys
from types import TracebackType
from typing import Self

from stream.processes.kafka_home import BrokerUnavailableError
from stream.processes.supervisor import Supervised

TIMEOUT_S = 30.0
PRODUCER = 0  # rd_kafka_type_t: any client can host the mock cluster


class MockBroker:
    """A mock cluster of one broker, with the interface of `stream.processes.broker.Broker`."""

    def __init__(self) -> None:
        self.address = ""
        self.pid = 0
        self._child: Supervised | None = None

    def start(self) -> None:
        """Return when the mock cluster listens."""
        if self._child is not None:
            raise RuntimeError(f"the mock broker on {self.address} was started already: stop it first")
        if importlib.util.find_spec("confluent_kafka") is None:
            raise BrokerUnavailableError("confluent-kafka is missing: `pip install 'headwater[demo]'`")
        self._child = Supervised([sys.executable, "-m", "stream.processes.mock_broker"], log=subprocess.DEVNULL)
        answer = self._child.read_line(TIMEOUT_S).split()
        if len(answer) != 2:
            self.stop()
            raise BrokerUnavailableError(
                "the mock broker did not start; `python -m stream.processes.mock_broker </dev/null` shows why"
            )
        self.pid, self.address = int(answer[0]), answer[1]

    def create_topic(self, name: str, partitions: int) -> None:
        """Make a topic (a name without spaces) of so many partitions."""
        if self._child is None:
            raise RuntimeError("the mock broker is not running: start it first")
        if (answer := self._child.ask(f"{name} {partitions}", TIMEOUT_S)) != "0":
            raise BrokerUnavailableError(
                f"the mock broker refused topic {name!r} of {partitions} partitions: {answer or 'it is gone'}"
            )

    def stop(self) -> None:
        """End it; what it held is lost."""
        if self._child is not None:
            self._child.close(TIMEOUT_S)
            self._child, self.pid = None, 0

    close = stop

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _librdkafka() -> ctypes.CDLL:
    """The library inside the wheel: symbols of the extension module's own dependencies, wherever the wheel put them."""
    spec = importlib.util.find_spec("confluent_kafka.cimpl")
    assert spec  # noqa: S101 - for the type checker: `start` has checked it
    library = ctypes.CDLL(spec.origin)
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("rd_kafka_mock_cluster_bootstraps", "rd_kafka_err2str"):
        getattr(library, name).restype = ctypes.c_char_p
    return library


def _main() -> None:
    """Say process id and address, make the topics that standard input names, end with it."""
    library, why = _librdkafka(), ctypes.create_string_buffer(512)
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    client = ctypes.c_void_p(library.rd_kafka_new(PRODUCER, conf, why, len(why)))
    cluster = ctypes.c_void_p(library.rd_kafka_mock_cluster_new(client, 1))
    _say(f"{os.getpid()} {library.rd_kafka_mock_cluster_bootstraps(cluster).decode()}")
    for line in sys.stdin:
        name, partitions = line.split()
        error = library.rd_kafka_mock_topic_create(cluster, name.encode(), int(partitions), 1)
        _say(library.rd_kafka_err2str(error).decode() if error else "0")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _main()
