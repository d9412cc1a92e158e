"""Headwater and what others build in its place, measured alike: `python benchmarks/side_by_side.py`.

Not part of the package: `pip install vowpalwabbit` first. Same machine, same broker, same events, one after the other:
a backlog worked off, then a steady rate. What each does and does not do for an event: `live_peers.py`. `headwater`
makes the newest slate of each user in a backlog; `headwater_each` one for every event, as the others do. `transport` is
an echo that answers every event, as `headwater bench --transport` runs it: rates are also shares of its rate. What this
machine is worth, as `headwater bench` says it, comes first.
"""

import asyncio
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from stream.bench.calibration import calibrate
from stream.bench.kafka.backlog import measure_backlog
from stream.bench.kafka.latency import measure_latency, steady
from stream.bench.kafka.load import prepared, write_backlog
from stream.bench.kafka.transport import answered, measure_transport
from stream.config import Config
from stream.errors import CheckError
from stream.processes.broker import Broker
from stream.processes.servers import ServerProcess
from stream.processes.supervisor import Supervised, supervised

PEERS = ("faust", "biased_mf", "vowpal_wabbit")
NAMES = ("headwater", "headwater_each", *PEERS)
HERE = Path(__file__).parent
TRANSPORT_TIMES = 4  # as many events: it is done in a second
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


class Rate(NamedTuple):
    """A backlog worked off."""

    events_s: float
    cpu_us: float  # of the process, for an event


async def peer_backlog(name: str, config: Config, events: int) -> Rate:
    config = prepared(config, f"peer-{name}")
    await write_backlog(config, events)
    with running(name, config) as process:
        found = await answered(config, process, events, within_s=30.0)
    return Rate(found.rate, 1e6 * found.cpu / found.rate)


async def transport_backlog(config: Config, events: int) -> Rate:
    (found,) = await measure_transport(config, events, (), 0.0)
    return Rate(found.rate, 1e6 * found.cpu / found.rate)


async def headwater_backlog(config: Config, events: int, *, each: bool) -> Rate:
    found = await measure_backlog(config, events, each=each)
    return Rate(found.rate, found.cpu_us)


async def peer_latency(name: str, config: Config, rate: float, seconds: float) -> Any:
    config = prepared(config, f"peer-{name}-steady")
    with running(name, config) as process:
        await asyncio.sleep(START_S)
        return await steady(config, process, rate, seconds)


def backlog_of(name: str, config: Config, events: int) -> Rate:
    if name == "transport":
        return asyncio.run(transport_backlog(config, events * TRANSPORT_TIMES))
    if name in PEERS:
        return asyncio.run(peer_backlog(name, config, events))
    return asyncio.run(headwater_backlog(config, events, each=name == "headwater_each"))


def latency_of(name: str, config: Config, rate: float, seconds: float) -> Any:
    if name in PEERS:
        return peer_latency(name, config, rate, seconds)
    return measure_latency(config, rate, seconds)


@click.command()
@click.option("--backlog", default=20_000, show_default=True)
@click.option("--rate", "rates", type=float, multiple=True, default=(100.0, 250.0), show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(NAMES), help="Leave out the others; repeatable.")
def main(backlog: int, rates: tuple[float, ...], seconds: float, only: tuple[str, ...]) -> None:
    """Print events per second out of a backlog, and milliseconds at steady rates, as a Markdown table."""
    logging.disable(logging.WARNING)
    click.echo(f"{calibrate()}\n")
    heads = ["backlog, events/s", "of the transport", "CPU µs an event"]
    heads += [f"{rate:.0f}/s: p50 / p99 ms, answered" for rate in rates]
    click.echo("| | " + " | ".join(heads) + " |")
    click.echo("| --- |" + " --- |" * len(heads))
    with Broker() as broker:
        config = Config()
        config = msgspec.structs.replace(config, kafka=msgspec.structs.replace(config.kafka, broker=broker.address))
        alone = backlog_of("transport", config, backlog)
        for name in ("transport", *(only or NAMES)):
            found = alone if name == "transport" else backlog_of(name, config, backlog)
            cells = [f"{found.events_s:,.0f}", f"{found.events_s / alone.events_s:.3f}", f"{found.cpu_us:,.0f}"]
            if name not in {"transport", "headwater_each"}:  # steady rates of headwater are those with a slate for each
                cells += [_latency(latency_of(name, config, rate, seconds)) for rate in rates]
            cells += [""] * (len(heads) - len(cells))
            click.echo(f"| {name} | {' | '.join(cells)} |")


def _latency(measure: Any) -> str:
    try:
        found = asyncio.run(measure)
    except CheckError:
        return "no answers"
    return f"{found.p50_ms:,.0f} / {found.p99_ms:,.0f}, {found.answered:.0%}"


if __name__ == "__main__":
    main()
