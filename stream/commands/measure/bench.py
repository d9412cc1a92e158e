"""`headwater bench`."""

import asyncio
import logging
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson
from rich.console import Console
from rich.table import Table

from stream.bench.calibration import Calibration, calibrate
from stream.bench.catalogue_size import measure_growth
from stream.bench.kafka.backlog import measure_backlog
from stream.bench.kafka.gateway import measure_gateway
from stream.bench.kafka.latency import Latency, measure_latency, measure_sweep
from stream.bench.kafka.overload import Second, measure_overload
from stream.bench.kafka.rebalance import measure_rebalance
from stream.bench.kafka.restart import measure_restart
from stream.bench.kafka.soak import BACKLOG_S, GROWTH, SETTLED_MINUTE, Minute, measure_soak
from stream.bench.kafka.start import measure_start
from stream.bench.kafka.transport import measure_transport
from stream.bench.recorded import Recorded
from stream.bench.scenarios import Measured, Scenario, chosen, measure
from stream.bench.site import Site
from stream.bench.workloads import World
from stream.commands.options import collected, configured, examples, picture
from stream.compiling.children import Compilation
from stream.config import Config
from stream.datasets.readers import read
from stream.errors import CheckError
from stream.processes.broker import Broker, BrokerSettings

SOAK_PROPERTIES = {  # a long run must not fill the disk
    "log.segment.bytes": str(32 << 20),
    "log.retention.bytes": str(128 << 20),
    "log.retention.check.interval.ms": "10000",
}
UNITS = 1_000  # of a portion
COLUMNS = 8  # of a table; one with more is printed standing
IN_FILES = 160  # characters of a line, where no terminal has a width
DRAWN = {"sweep": ("draw_latency", Latency), "overload": ("draw_overload", Second)}
WHOLE = 1_000.0  # from here on figures are shown without decimals
RATES, SOAK_RATE, GATEWAY_RATES = (500.0,), 300.0, (500.0, 1_000.0, 2_000.0)  # events or requests per second


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    backlog: int
    each: int
    workers: int
    rates: tuple[float, ...]
    seconds: float
    asked: float
    restart: int
    only: str | None  # one of the measures that leave out all others
    soak: int  # minutes
    plot: Path | None
    patterns: tuple[str, ...]  # of scenarios
    file: Path | None  # of events, for scenarios
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
        "headwater bench --start",
        "headwater bench --sweep --plot latency.svg",
        "headwater bench --overload --seconds 15 --plot overload.svg",
        "headwater bench --transport --rate 1000",
        "headwater bench --rebalance",
        "headwater bench --gateway --rate 1000 --seconds 10",
        "headwater bench --gateway --rate 1000 --asked 100",
        "headwater bench --soak 30 --rate 300",
        "headwater bench --scenario 'engine/*' --scenario fold/records",
        "headwater bench --scenario engine/slate --items 100000 --profile",
        "headwater bench --scenario engine/slate --file deploy/demo/movielens-latest-small --events 30000",
    )
)
@click.option("--backlog", type=click.IntRange(0), default=60_000, show_default=True,
              help="Events; 0: leave out this, --each, and the transport.")  # fmt: skip
@click.option("--each", type=click.IntRange(0), default=12_000, show_default=True,
              help="Events of a backlog in which each gets a slate; 0: leave it out.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 8), default=1, show_default=True, help="Workers for the backlog.")
@click.option("--rate", "rates", type=click.FloatRange(1), multiple=True, show_default="500; 300 for --soak",
              help="Events per second at which latency is measured; repeatable.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1), default=20, show_default=True, help="How long, per rate.")
@click.option("--restart", type=click.IntRange(0), default=0, show_default=True,
              help="Users and items in state when a worker is killed and started again; 0: leave it out.")  # fmt: skip
@click.option("--transport", "only", flag_value="transport", help="Only: an answer to every event without the engine, "
              "to see what the transport costs.")  # fmt: skip
@click.option("--start", "only", flag_value="start", help="Only: how long a worker takes until it serves, and its "
              "memory then and with a small site.")  # fmt: skip
@click.option(
    "--rebalance", "only", flag_value="rebalance", help="Only: how long events wait when workers come and go."
)
@click.option("--soak", type=click.IntRange(0), default=0, help="Only: a worker's memory for so many minutes, users "
              "and items at their bounds; at least 10 to say anything.")  # fmt: skip
@click.option("--gateway", "only", flag_value="gateway", help="Only: a gateway, at each --rate (default: 500, "
              "1000, 2000) of requests, of which a tenth write events; then 100 a second for new slates.")  # fmt: skip
@click.option("--asked", type=click.FloatRange(0), default=0, help="With --gateway: beside reads at each --rate so "
              "many requests for new slates per second; then twice both; then as before.")  # fmt: skip
@click.option("--sweep", "only", flag_value="sweep", help="Only: latency at 125, 250, 500, ... events per "
              "second, until the worker does not keep up.")  # fmt: skip
@click.option("--overload", "only", flag_value="overload", help="Only: how long events wait at 0.5, 1, 2 and 4 "
              "times the capacity (--rate, or measured), and four times as long after it.")  # fmt: skip
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw latency against rate, or with "
              "--overload against time, .png or .svg.")  # fmt: skip
@click.option(
    "--growth", "only", flag_value="growth", help="Only: what a million items or users cost, without Kafka; minutes."
)
@click.option("--scenario", "patterns", multiple=True, metavar="PATTERN", help="Only: parts of the engine in this "
              "process, without Kafka, by name as in a shell ('*': all); repeatable.")  # fmt: skip
@click.option("--file", type=click.Path(exists=True, path_type=Path), help="With --scenario: its items and events, "
              "again and again, in place of generated ones; any file that `headwater evaluate` reads.")  # fmt: skip
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

    First comes what this machine is worth: a core's speed at Python, memory and compiled code, as shares of a reference
    machine's. CPU time times the share that fits is `reference_us`, to compare with figures of other machines.

    Starts a broker and a worker of its own; generator, meter, worker and broker share this machine's cores.
    Backlog: events per second that workers take in, learn and answer, with slates for each user's newest event, then
    for each event; `of_transport` is the share of the rate at which an echo answers every event, without the engine.
    Latency: from when an event was due until a consumer has read the slate that it caused. Transport: both for the
    echo. Start: of a worker at an empty log, with compiled kernels. Restart: from the start of a worker until it
    serves, after kill -9. Rebalance: the longest wait of an event when a second worker joins, ends, is killed, without
    and with static membership. Gateway: milliseconds from when a request was due until its answer has been read. Soak:
    resident memory, minute by minute; exit code 1 if it grows after the fifth. Scenarios: microseconds per unit by the
    clock and of CPU time, medians over portions, and half the distance of the quartiles.
    """
    logging.disable(logging.WARNING)
    if options.soak:
        _soak(config, options.soak, options.rates[0] if options.rates else SOAK_RATE, as_json=options.as_json)
        return
    draw = None if options.plot is None else picture(options.plot, DRAWN.get(options.only or "", DRAWN["sweep"])[0])
    wanted = chosen(config, options.patterns)  # a wrong name shows before the long preparation
    machine = calibrate()
    if not options.as_json:
        click.echo(f"{machine}\n")
    if options.only == "growth":
        found: list[Any] = list(measure_growth(config, machine))
    elif wanted:
        found = _scenarios(config, options, wanted, machine)
    else:
        _compile(config)
        with Broker() as broker:
            found = asyncio.run(_through_kafka(_at(config, broker), options))
        if draw is not None:
            kind = DRAWN.get(options.only or "", DRAWN["sweep"])[1]
            draw([each for each in found if isinstance(each, kind)], options.plot)
    if options.as_json:
        rows = [{"measure": type(each).__name__, **each._asdict()} for each in (machine, *found)]
        click.echo(orjson.dumps(rows))
    else:
        _print([each for each in found if not isinstance(each, Second)])


def _scenarios(config: Config, options: Options, wanted: list[Scenario], machine: Calibration) -> list[Measured]:
    world = World(options.users, options.items) if options.file is None else Recorded(read(options.file))
    site, found = Site(config, world, options.events), list[Measured]()
    for scenario in wanted:
        measured, profile = measure(
            scenario, site, units=UNITS, portions=options.portions, machine=machine, profile=options.profile
        )
        found.append(measured)
        if profile:
            click.echo(f"{scenario.name}: {scenario.about}\n{profile}", err=True)
    return found


async def _through_kafka(config: Config, options: Options) -> list[Any]:
    rates, seconds = options.rates or RATES, options.seconds
    if options.only == "gateway":
        return list(await measure_gateway(config, options.rates or GATEWAY_RATES, seconds, options.asked))
    if options.only == "transport":
        return await measure_transport(config, options.backlog, rates, seconds)
    if options.only == "start":
        return [await measure_start(config)]
    if options.only == "rebalance":
        return list(await measure_rebalance(config, rates[0]))
    if options.only == "overload":
        rows, by_second = await measure_overload(config, seconds, options.rates[0] if options.rates else None)
        return [*rows, *by_second]
    if options.only == "sweep":
        return list(await measure_sweep(config, seconds))
    found: list[Any] = []
    if options.backlog:
        found += await measure_transport(config, options.backlog, (), seconds)
        alone = found[0].rate
        found.append(await measure_backlog(config, options.backlog, options.workers, transport=alone))
        if options.each:
            found.append(await measure_backlog(config, options.each, options.workers, each=True, transport=alone))
    if options.restart:
        found.append(await measure_restart(config, options.restart))
    return found + [await measure_latency(config, rate, seconds) for rate in rates]


def _print(found: list[Any]) -> None:
    for kind, rows in groupby(found, lambda each: type(each).__name__):
        several = list(rows)
        fields, cells = several[0]._fields, [[*map(_text, row)] for row in several]
        if len(fields) <= COLUMNS:
            table = Table(*(name.replace("_", " ") for name in fields), title=kind.lower())
        else:  # lying down it would be wider than a terminal
            table = Table(*[""] * (1 + len(cells)), title=kind.lower(), show_header=False)
            cells = [[name, *column] for name, column in zip(fields, zip(*cells, strict=True), strict=True)]
        for row in cells:
            table.add_row(*row)
        Console(width=None if sys.stdout.isatty() else IN_FILES).print(table)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= WHOLE else f"{value:,.2f}"
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:,}"


def _soak(config: Config, minutes: int, rate: float, *, as_json: bool) -> None:
    progress = Console(stderr=True)

    def tell(minute: Minute) -> None:
        progress.print(
            f"minute {minute.minute}: {minute.resident_mb:,.1f} MB, at most {minute.most_mb:,.1f} MB, "
            f"{minute.events:,} events, {minute.waiting:,} waiting", highlight=False,
        )  # fmt: skip

    _compile(config)
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


def _compile(config: Config) -> None:
    """Have all kernels compiled: nothing is to be compiled beside a worker that is measured."""
    with Compilation(config, whole=True) as compilation:
        compilation.wait(lambda sentence: click.echo(sentence, err=True))


def _at(config: Config, broker: Broker) -> Config:
    return msgspec.structs.replace(config, kafka=msgspec.structs.replace(config.kafka, broker=broker.address))
