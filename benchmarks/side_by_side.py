"""Headwater and what others build in its place, measured alike: `python benchmarks/side_by_side.py`.

Not part of the package: `pip install vowpalwabbit` first. Same machine, same broker, same events, one after the other:
a backlog worked off, then a steady rate. What each does and does not do for an event: `live_peers.py`. `headwater`
makes the newest slate of each user in a backlog; `headwater_each` one for every event, as the others do.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from stream.bench.kafka.backlog import measure_backlog
from stream.bench.kafka.latency import measure_latency, steady
from stream.bench.kafka.load import prepared, write_backlog
from stream.bench.kafka.transport import answered
from stream.config import Config
from stream.errors import CheckError
from stream.processes.broker import Broker
from stream.processes.servers import ServerProcess
from stream.processes.supervisor import Supervised, supervised

PEERS = ("faust", "biased_mf", "vowpal_wabbit")
NAMES = ("headwater", "headwater_each", *PEERS)
HERE = Path(__file__).parent
START_S = 6.0  # Faust and a new group of consumers need some seconds


class Peer:
    """One of the others as a process."""

    def __init__(self, child: Supervised) -> None:
        self.child, self.pid = child, int(child.read_line(10.0))

    @property
    def exit_code(self) -> int | None:
        return self.child.exit_code

    cpu_seconds = ServerProcess.cpu_seconds


@contextmanager
def running(name: str, config: Config) -> Iterator[Peer]:
    """Run one of them; what it said goes into the error if it does not answer."""
    command = [sys.executable, str(HERE / "live_peers.py"), name, config.kafka.broker, config.kafka.namespace]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        child = supervised(command, log, 5.0, cwd=Path(folder))
        try:
            yield Peer(child)
        except CheckError as error:
            raise CheckError(f"{name}: {error}; it said: {Path(log.name).read_text()[-1000:]}") from error
        finally:
            child.close(10.0)


async def peer_backlog(name: str, config: Config, events: int) -> float:
    config = prepared(config, f"peer-{name}")
    await write_backlog(config, events)
    with running(name, config) as process:
        return (await answered(config, process, events, within_s=30.0)).rate


async def peer_latency(name: str, config: Config, rate: float, seconds: float) -> Any:
    config = prepared(config, f"peer-{name}-steady")
    with running(name, config) as process:
        await asyncio.sleep(START_S)
        return await steady(config, process, rate, seconds)


def headwater_backlog(config: Config, events: int, *, each: bool) -> float:
    if each:  # no slate deferred, and a poll too short to hold two events of one user
        kafka = msgspec.structs.replace(config.kafka, max_poll_records=10)
        slate = msgspec.structs.replace(config.slate, backlog_records=0)
        config = msgspec.structs.replace(config, kafka=kafka, slate=slate)
    return asyncio.run(measure_backlog(config, events)).rate


@click.command()
@click.option("--backlog", default=20_000, show_default=True)
@click.option("--rate", "rates", type=float, multiple=True, default=(100.0, 250.0), show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Leave out the others; repeatable.")
def main(backlog: int, rates: tuple[float, ...], seconds: float, only: tuple[str, ...]) -> None:
    """Print events per second out of a backlog, and milliseconds at steady rates, as a Markdown table."""
    logging.disable(logging.WARNING)
    click.echo(
        "| | backlog, events/s | " + " | ".join(f"{rate:.0f}/s: p50 / p99 ms, answered" for rate in rates) + " |"
    )
    click.echo("| --- | --- |" + " --- |" * len(rates))
    with Broker() as broker:
        config = Config()
        config = msgspec.structs.replace(config, kafka=msgspec.structs.replace(config.kafka, broker=broker.address))
        for name in only or NAMES:
            own = name not in PEERS
            if own:
                rate = headwater_backlog(config, backlog, each=name == "headwater_each")
            else:
                rate = asyncio.run(peer_backlog(name, config, backlog))
            cells = [f"{rate:,.0f}"]
            for steady_rate in rates if name != "headwater_each" else ():
                measure = measure_latency(config, steady_rate, seconds) if own else peer_latency(
                    name, config, steady_rate, seconds
                )  # fmt: skip
                cells.append(_latency(measure))
            cells += ["as above"] * (1 + len(rates) - len(cells))
            click.echo(f"| {name} | {' | '.join(cells)} |")


def _latency(measure: Any) -> str:
    try:
        found = asyncio.run(measure)
    except CheckError:
        return "no answers"
    return f"{found.p50_ms:,.0f} / {found.p99_ms:,.0f}, {found.answered:.0%}"


if __name__ == "__main__":
    main()
