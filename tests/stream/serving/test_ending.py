"""Servers that are told to stop end in time, also while Kafka is away."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stream.config import Config, Kafka
from stream.kafka.admin import create_or_verify
from stream.processes.broker import Broker
from stream.processes.servers import GatewayProcess, ServerProcess, WorkerProcess
from stream.serving.ending import END_S, stop_within

SLACK_S = 15.0  # of a busy machine


def test_a_client_that_cannot_stop_is_left_alone() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    async def fails() -> None:
        raise OSError("gone")

    async def all_three() -> None:
        for stopping in (cancelled(), fails(), asyncio.sleep(3600)):
            await stop_within(stopping, 0.05)

    asyncio.run(asyncio.wait_for(all_three(), 30))


def ended(server: ServerProcess, deadline: float) -> int | None:
    """The exit code, None if it still runs at the deadline."""
    while server.exit_code is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return server.exit_code


@pytest.mark.kafka
def test_all_end_while_kafka_is_away(needs_kafka: None, tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    lines = "".join(f"u{n % 9},i{n % 17},click,{1_700_000_000 + n}\n" for n in range(20_000))
    events.write_text("user_id,item_id,event,timestamp\n" + lines)
    with Broker() as broker:
        config = Config(kafka=Kafka(broker=broker.address, partitions=2))
        create_or_verify(config.kafka)
        environment = os.environ | {"HEADWATER_BROKER": broker.address}
        servers: list[ServerProcess] = [
            WorkerProcess(config, tmp_path / "worker.log"), GatewayProcess(config, tmp_path / "gateway.log")
        ]  # fmt: skip
        clients = []
        try:
            for server in servers:
                server.start()
            for server in servers:
                server.wait_ready()
            for arguments in (["watch"], ["replay", str(events), "--rate", "50"]):
                command = [sys.executable, "-m", "stream.cli", *arguments]
                with (tmp_path / f"{arguments[0]}.log").open("w") as log:
                    clients.append(
                        subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
                    )
            time.sleep(4)  # events are under way
            broker.kill()
            time.sleep(2)
            for server in servers:
                server.kill(signal.SIGTERM)
            for client in clients:
                client.send_signal(signal.SIGINT)
            deadline = time.monotonic() + END_S + SLACK_S
            for client in clients:
                client.wait(max(0.1, deadline - time.monotonic()))
            assert [ended(server, deadline) for server in servers] == [0, 0]
        finally:
            for client in clients:
                client.kill()  # nothing happens to one that has ended
                client.wait()
            for server in servers:
                server.stop(signal.SIGKILL)
    for name in ("gateway", "watch", "replay"):
        assert "Traceback" not in (tmp_path / f"{name}.log").read_text(), name
