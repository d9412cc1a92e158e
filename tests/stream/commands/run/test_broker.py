"""`headwater broker` ends with its Kafka."""

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Self

import pytest

from stream.cli import main
from stream.commands.run import broker
from stream.processes.broker import BrokerSettings


@pytest.fixture
def ended() -> int:
    """Number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    return process.pid


def test_a_process_runs_until_it_has_ended(ended: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert broker._runs(process.pid)
    process.communicate(b"\n", 30)
    assert not broker._runs(process.pid)
    assert not broker._runs(ended)


def test_a_kafka_that_ends_by_itself_is_an_error(
    ended: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = list[BrokerSettings]()

    class Fallen:
        address, pid, data_dir = "127.0.0.1:9", ended, tmp_path

        def __init__(self, settings: BrokerSettings) -> None:
            asked.append(settings)

        def __enter__(self) -> Self:
            return self

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            pass

    monkeypatch.setattr(broker, "Broker", Fallen)
    monkeypatch.setattr(broker, "CHECK_INTERVAL_S", 0.0)
    unchanged = SimpleNamespace(signal=lambda *_: None, SIGTERM=signal.SIGTERM)  # the handler would stay
    monkeypatch.setattr(broker, "signal", unchanged)
    assert main(["broker", "--port", "0", "--data", str(tmp_path)]) == 3
    captured = capsys.readouterr()
    assert captured.out == "127.0.0.1:9\n"
    assert f"ended by itself: see {tmp_path / 'kafka.log'}" in captured.err.replace("\n", " ")
    assert asked == [BrokerSettings(port=0, data_dir=tmp_path)]
