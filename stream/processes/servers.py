"""Worker and gateway as processes, for demo, benchmarks and tests: started, watched over HTTP, ended."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, ClassVar, Self

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from stream.config import PREFIX, Config, to_environment
from stream.errors import CheckError
from stream.processes.broker import free_ports
from stream.processes.supervisor import Supervised, supervised

START_S = 180.0  # to become ready, from the last word on kernels that are being compiled
COMPILING_S = 900.0  # with all that is compiled: the first start ever, on a slow machine with other work
COMPILING = "compiling kernels"  # what /readyz says meanwhile
STOP_S = 15.0

log = logging.getLogger(__name__)


class ServerProcess:
    """One `headwater` command that serves HTTP and ends with this process; its settings are passed in the environment.

    Parameters
    ----------
    config : all of it is passed on
    port : of its HTTP endpoints, on loopback
    log : where its output goes; None: nowhere
    """

    name: ClassVar[str]

    def __init__(self, config: Config, port: int, log: Path | None) -> None:
        self.port = port
        self.pages = f"http://127.0.0.1:{port}"
        others = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        self._environment = others | to_environment(config)
        self._log = log
        self._output: IO[bytes] | None = None
        self._child: Supervised | None = None
        self.pid = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return None if self._child is None else self._child.exit_code

    def start(self) -> None:
        """Launch it; `wait_ready` waits until it serves."""
        self._output = None if self._log is None else self._log.open("ab")
        self._child = supervised(
            self._command(), self._output or subprocess.DEVNULL, STOP_S, environment=self._environment
        )
        self.pid = int(self._child.read_line(START_S))

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "stream.cli", self.name]

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens if it has ended."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End it; returns the exit code (128 + n after signal n)."""
        if self._child is None:
            return 0
        self.kill(with_signal)
        self._child.wait(STOP_S)
        self._child.close(STOP_S)
        if self._output is not None:
            self._output.close()
        return self._child.exit_code or 0

    def wait_ready(self, within_s: float = START_S) -> None:
        """Return when it serves; one that says how far it is with compiling has longer, and its words are logged."""
        began = moved = time.monotonic()
        said = ""
        while (answer := self.page("/readyz"))[0] != 200:
            now = time.monotonic()
            if self.exit_code is not None:
                raise CheckError(f"{self.name}: must become ready; ended with exit code {self.exit_code}")
            if COMPILING in answer[1] and answer[1] != said:
                said, moved = answer[1], now
                log.info("%s: %s", self.name, said)
            if now - moved > within_s or now - began > max(within_s, COMPILING_S):
                raise CheckError(f"{self.name}: must become ready within {within_s:.0f} s: {answer[1]}")
            time.sleep(0.1)

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages; status 0 if it does not answer."""
        try:
            with urllib.request.urlopen(self.pages + path, timeout=5) as response:  # noqa: S310  http on loopback
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def cpu_seconds(self) -> float:
        """CPU time that it has taken so far, as the kernel counts it."""
        if self.exit_code is not None:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metrics(self) -> dict[str, float]:
        """Its metrics by name, summed over labels; and one by one as `name{label="value",...}`."""
        found: dict[str, float] = {}
        status, text = self.page("/metrics")
        for family in text_string_to_metric_families(text if status == 200 else ""):
            for sample in family.samples:
                labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
                found[sample.name] = found.get(sample.name, 0.0) + sample.value
                if labels:
                    found[f"{sample.name}{{{labels}}}"] = sample.value
        return found


class WorkerProcess(ServerProcess):
    """One worker, on a free port of loopback."""

    name = "worker"

    def __init__(self, config: Config, log: Path | None = None) -> None:
        port = free_ports(1)[0]
        worker = msgspec.structs.replace(config.worker, host="127.0.0.1", port=port)
        super().__init__(msgspec.structs.replace(config, worker=worker), port, log)

    def _command(self) -> list[str]:
        return [*super()._command(), "--log-level", "info" if self._log else "error"]


class EchoProcess(WorkerProcess):
    """The transport alone, in a worker's place."""

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "stream.bench.kafka.echo"]


class GatewayProcess(ServerProcess):
    """One gateway, on a free port of loopback or on that of the settings."""

    name = "gateway"

    def __init__(self, config: Config, log: Path | None = None, *, port: int | None = None, workers: str = "") -> None:
        port = free_ports(1)[0] if port is None else port
        gateway = msgspec.structs.replace(config.gateway, host="127.0.0.1", port=port, workers=workers)
        super().__init__(msgspec.structs.replace(config, gateway=gateway), port, log)
