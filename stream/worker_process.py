"""A worker as a process of its own, for demo, benchmarks and tests: started, watched through its pages, ended."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from prometheus_client.parser import text_string_to_metric_families

from stream.broker import free_ports
from stream.config import Config
from stream.errors import CheckError

START_S = 180.0  # to become ready; the first start ever compiles
STOP_S = 15.0


class WorkerProcess:
    """One `headwater worker` in a process group of its own; settings travel in the environment.

    Parameters
    ----------
    config : only broker, namespace and policy are handed on
    log : where its output goes; None: nowhere
    """

    def __init__(self, config: Config, log: Path | None = None, **environment: str) -> None:
        self.port = free_ports(1)[0]
        self.pages = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **os.environ, "HEADWATER_KAFKA_BROKER": config.kafka.broker,
            "HEADWATER_KAFKA_NAMESPACE": config.kafka.namespace, "HEADWATER_POLICY_NAME": config.policy.name,
            "HEADWATER_WORKER_HOST": "127.0.0.1", "HEADWATER_WORKER_PORT": str(self.port), **environment,
        }  # fmt: skip
        self._log = log
        self._output: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

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
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Launch it; `wait_ready` tells when it serves."""
        self._output = None if self._log is None else self._log.open("ab")
        command = [sys.executable, "-m", "stream.cli", "worker", "--log-level", "info" if self._log else "error"]
        self._process = subprocess.Popen(  # noqa: S603  our own command
            command, env=self._environment, start_new_session=True,
            stdout=self._output or subprocess.DEVNULL, stderr=self._output,
        )  # fmt: skip

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """End it; returns the exit code."""
        process = self._process
        if process is None:
            return 0
        try:
            if process.poll() is None:
                os.killpg(process.pid, with_signal)
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        finally:
            if self._output is not None:
                self._output.close()
        return process.returncode

    def wait_ready(self, within_s: float = START_S) -> None:
        """Return when it serves."""
        deadline = time.monotonic() + within_s
        while self.page("/readyz")[0] != 200:
            if self.exit_code is not None:
                raise CheckError(f"worker: must become ready; ended with exit code {self.exit_code}")
            if time.monotonic() > deadline:
                raise CheckError(f"worker: must become ready within {within_s:.0f} s: {self.page('/readyz')[1]}")
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
