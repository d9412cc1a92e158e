"""`headwater bench`."""

import asyncio
import logging
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson
from rich.console import Console
from rich.table import Table

from stream.bench.catalogue_size import measure_growth
from stream.bench.kafka.backlog import measure_backlog
from stream.bench.kafka.gateway import measure_gateway
from stream.bench.kafka.latency import Latency, measure_latency, measure_sweep
from stream.bench.kafka.rebalance import measure_rebalance
from stream.bench.kafka.restart import measure_restart
from stream.bench.kafka.soak import BACKLOG_S, GROWTH, SETTLED_MINUTE, Minute, measure_soak
from stream.bench.kafka.transport import measure_transport
from stream.bench.scenarios import chosen, measure
from stream.bench.site import Site
from stream.bench.workloads import World
from stream.commands.options import collected, configured, examples, picture
from stream.config import Config
from stream.errors import CheckError
from stream.processes.broker import Broker, BrokerSettings

SOAK_PROPERTIES = {  # a long run must not fill the disk
    "log.segment.bytes": str(32 << 20),
    "log.retention.bytes": str(128 << 20),
    "log.retention.check.interval.ms": "10000",
}
UNITS = 1_000  # of a portion
WHOLE = 1_000.0  # from here on figures are shown without decimals
RATES, SOAK_RATE, GATEWAY_RATES = (500.0,), 300.0, (500.0, 1_000.0, 2_000.0)  # events or requests per second


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    backlog: int
    workers: int
    rates: tuple[float, ...]
    seconds: float
    restart: int
    only: str | None  # one of the measures that leave out all others
    soak: int  # minutes
    plot: Path | None
    patterns: tuple[str, ...]  # of scenarios
    users: int
    items: int
    events: int
    portions: int
    profile: bool
    as_json: bool


@click.command(
    epilog=examples(
        "headwater bench",
        "headwater bench --rate 500 --rate 2000 --seconds 30",
        "headwater bench --backlog 0 --rate 1000 --json",
        "headwater bench --backlog 0 --restart 100000",
        "headwater bench --backlog 240000 --workers 2 --rate 100",
        "headwater bench --sweep --plot latency.svg",
        "headwater bench --transport --rate 1000",
        "headwater bench --rebalance",
        "headwater bench --gateway --rate 1000 --seconds 10",
        "headwater bench --soak 30 --rate 300",
        "headwater bench --scenario 'engine/*' --scenario fold/records",
        "headwater bench --scenario engine/slate --items 100000 --profile",
    )
)
@click.option("--backlog", type=click.IntRange(0), default=60_000, show_default=True, help="Events; 0: leave it out.")
@click.option("--workers", type=click.IntRange(1, 8), default=1, show_default=True, help="Workers for the backlog.")
@click.option("--rate", "rates", type=click.FloatRange(1), multiple=True, show_default="500; 300 for --soak",
              help="Events per second at which latency is measured; repeatable.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1), default=20, show_default=True, help="How long, per rate.")
@click.option("--restart", type=click.IntRange(0), default=0, show_default=True,
              help="Users and items in state when a worker is killed and started again; 0: leave it out.")  # fmt: skip
@click.option("--transport", "only", flag_value="transport", help="Only: an answer to every event without the engine, "
              "to see what the transport costs.")  # fmt: skip
@click.option(
    "--rebalance", "only", flag_value="rebalance", help="Only: how long events wait when workers come and go."
)
@click.option("--soak", type=click.IntRange(0), default=0, help="Only: a worker's memory for so many minutes, users "
              "and items at their bounds; at least 10 to say anything.")  # fmt: skip
@click.option("--gateway", "only", flag_value="gateway", help="Only: a gateway, at each --rate (default: 500, "
              "1000, 2000) of requests, of which a tenth write events.")  # fmt: skip
@click.option("--sweep", "only", flag_value="sweep", help="Only: latency at 125, 250, 500, ... events per "
              "second, until the worker does not keep up.")  # fmt: skip
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw latency against rate, .png or .svg."
)
@click.option(
    "--growth", "only", flag_value="growth", help="Only: what a million items or users cost, without Kafka; minutes."
)
@click.option("--scenario", "patterns", multiple=True, metavar="PATTERN", help="Only: parts of the engine in this "
              "process, without Kafka, by name as in a shell ('*': all); repeatable.")  # fmt: skip
@click.option("--users", type=click.IntRange(100), default=100_000, show_default=True, help="With --scenario.")
@click.option("--items", type=click.IntRange(100), default=10_000, show_default=True, help="With --scenario.")
@click.option("--events", type=click.IntRange(1), default=10_000, show_default=True, help="Learned before scenarios.")
@click.option("--portions", type=click.IntRange(1), default=9, show_default=True, help="Timed for each scenario.")
@click.option("--profile", is_flag=True, help="Print for each scenario where its time goes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
@collected(Options)
def command(config: Config, options: Options) -> None:
    """Measure speed, through a real Kafka or part by part.

    Starts a broker and a worker of its own; generator, meter, worker and broker share this machine's cores.
    Backlog: events per second that workers take in, learn and answer. Latency: from when an event was due until a
    consumer has read the slate that it caused. Transport: both for an echo of every event, without the engine.
    Restart: from the start of a worker until it serves, after kill -9. Rebalance: the longest wait of an event when
    a second worker joins, ends, is killed, without and with static membership. Gateway: milliseconds from when a
    request was due until its answer has been read. Soak: resident memory, minute by minute; exit code 1 if it grows
    after the fifth. Scenarios: microseconds per unit, the median over portions, and half the distance of the
    quartiles.
    """
    logging.disable(logging.WARNING)
    if options.soak:
        _soak(config, options.soak, options.rates[0] if options.rates else SOAK_RATE, as_json=options.as_json)
        return
    draw = None if options.plot is None else picture(options.plot, "draw_latency")
    if options.only == "growth":
        found: list[Any] = list(measure_growth(config))
    elif options.patterns:
        found = _scenarios(config, options)
    else:
        with Broker() as broker:
            found = asyncio.run(_through_kafka(_at(config, broker), options))
        if draw is not None:
            draw([each for each in found if isinstance(each, Latency)], options.plot)
    _print(found, as_json=options.as_json)


def _scenarios(config: Config, options: Options) -> list[Any]:
    wanted = chosen(config, options.patterns)  # a wrong name shows before the long preparation
    site = Site(config, World(options.users, options.items), options.events)
    found = []
    for scenario in wanted:
        measured, profile = measure(scenario, site, units=UNITS, portions=options.portions, profile=options.profile)
        found.append(measured)
        if profile:
            click.echo(f"{scenario.name}: {scenario.about}\n{profile}", err=True)
    return found


async def _through_kafka(config: Config, options: Options) -> list[Any]:
    rates, seconds = options.rates or RATES, options.seconds
    if options.only == "gateway":
        return list(await measure_gateway(config, options.rates or GATEWAY_RATES, seconds))
    if options.only == "transport":
        return await measure_transport(config, options.backlog, rates, seconds)
    if options.only == "rebalance":
        return list(await measure_rebalance(config, rates[0]))
    if options.only == "sweep":
        return list(await measure_sweep(config, seconds))
    found: list[Any] = []
    if options.backlog:
        found.append(await measure_backlog(config, options.backlog, options.workers))
    if options.restart:
        found.append(await measure_restart(config, options.restart))
    return found + [await measure_latency(config, rate, seconds) for rate in rates]


def _print(found: list[Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps([{"measure": type(each).__name__, **each._asdict()} for each in found]))
        return
    for kind, rows in groupby(found, lambda each: type(each).__name__):
        first, *others = rows
        table = Table(*first._fields, title=kind.lower())
        for row in (first, *others):
            table.add_row(*map(_text, row))
        Console().print(table)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= WHOLE else f"{value:,.2f}"
    return value if isinstance(value, str) else f"{value:,}"


def _soak(config: Config, minutes: int, rate: float, *, as_json: bool) -> None:
    progress = Console(stderr=True)

    def tell(minute: Minute) -> None:
        progress.print(
            f"minute {minute.minute}: {minute.resident_mb:,.1f} MB, at most {minute.most_mb:,.1f} MB, "
            f"{minute.events:,} events, {minute.waiting:,} waiting", highlight=False,
        )  # fmt: skip

    with Broker(BrokerSettings(properties=SOAK_PROPERTIES)) as broker:
        soak = asyncio.run(measure_soak(_at(config, broker), minutes, rate, tell))
    if as_json:
        plain = {"measure": "Soak", "rate": rate, "growth": soak.growth, "flat": soak.flat}
        click.echo(orjson.dumps(plain | {"minutes": [minute._asdict() for minute in soak.minutes]}))
    else:
        table = Table(*Minute._fields, title=f"soak at {rate:,.0f} events/s")
        for minute in soak.minutes:
            if minute.minute in (1, SETTLED_MINUTE, len(soak.minutes)):
                table.add_row(*(f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" for value in minute))
        Console().print(table)
    if soak.most_waiting > BACKLOG_S * rate:
        raise CheckError(f"worker: must keep up; {soak.most_waiting:,} events were waiting: run it with a lower --rate")
    if not soak.flat:
        raise CheckError(f"memory: must stay within {GROWTH} times that of minute 5; grew to {soak.growth:.3f} times")


def _at(config: Config, broker: Broker) -> Config:
    return msgspec.structs.replace(config, kafka=msgspec.structs.replace(config.kafka, broker=broker.address))
