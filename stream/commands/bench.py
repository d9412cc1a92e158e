"""`headwater bench`."""

import asyncio
import logging

import click
import msgspec
import orjson
from rich.console import Console
from rich.table import Table

from stream.bench import Backlog, Latency, Restart, measure_backlog, measure_latency, measure_restart
from stream.broker import Broker
from stream.config import Config
from stream.options import configured, examples


@click.command(
    epilog=examples(
        "headwater bench",
        "headwater bench --rate 500 --rate 2000 --seconds 30",
        "headwater bench --backlog 0 --rate 1000 --json",
        "headwater bench --backlog 0 --restart 100000",
    )
)
@click.option("--backlog", type=click.IntRange(0), default=60_000, show_default=True, help="Events; 0: leave it out.")
@click.option("--rate", "rates", type=click.FloatRange(1), multiple=True, default=(500,), show_default=True,
              help="Events per second at which latency is measured; repeatable.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(1), default=20, show_default=True, help="How long, per rate.")
@click.option("--restart", type=click.IntRange(0), default=0, show_default=True,
              help="Users and items in state when a worker is killed and started again; 0: leave it out.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def command(
    config: Config, backlog: int, rates: tuple[float, ...], seconds: float, restart: int, as_json: bool
) -> None:
    """Measure speed through a real Kafka on this machine.

    Starts a broker and a worker of its own; generator, meter, worker and broker share this machine's cores. Backlog:
    events per second that one worker takes in, learns and answers. Latency: from an event's Kafka timestamp until a
    consumer has read the slate that it caused. Restart: from the start of a worker until it serves, after kill -9.
    """
    logging.disable(logging.WARNING)
    found: list[Backlog | Latency | Restart] = []
    with Broker() as broker:
        config = msgspec.structs.replace(config, kafka=msgspec.structs.replace(config.kafka, broker=broker.address))
        if backlog:
            found.append(asyncio.run(measure_backlog(config, backlog)))
        if restart:
            found.append(asyncio.run(measure_restart(config, restart)))
        found += [asyncio.run(measure_latency(config, rate, seconds)) for rate in rates]
    if as_json:
        click.echo(orjson.dumps([{"measure": type(each).__name__, **each._asdict()} for each in found]))
        return
    for each in found:
        table = Table(*each._fields, title=type(each).__name__.lower())
        table.add_row(*(f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" for value in each))
        Console().print(table)
