"""`headwater replay`."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stream.client.producer import Pace, Sender, paced, select
from stream.commands.options import Source, configured, examples, of_file
from stream.config import Config, Kafka
from stream.errors import UsageError
from stream.kafka.admin import check
from stream.records.schemas import Event, EventType, Item

POSITIVE = click.FloatRange(0, min_open=True)


@click.command(
    epilog=examples(
        "headwater replay events.csv --rate 500",
        "headwater replay user_behavior.csv.gz --format taobao --speed-up 3600    # an hour a second",
        "headwater replay log.csv --columns user=customer,item=sku,time=when,event=what --events bought=purchase",
        "headwater replay deploy/demo/movielens-latest-small --users 100 --limit 10000",
    )
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rate", type=POSITIVE, help="Events per second.  [default: as fast as Kafka takes them]")
@click.option("--speed-up", type=POSITIVE, help="Keep the time between events, so many times as fast.")
@click.option("--users", type=click.IntRange(1), help="Only the first so many users.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many events.")
@configured
@of_file()
def command(
    config: Config, file: Source, rate: float | None, speed_up: float | None, users: int | None, limit: int | None
) -> None:  # fmt: skip
    """Send a file of events to Kafka, at a rate of your choice.

    Events are sent in the order of their timestamps, which stay as they are; items that the file describes go to the
    catalogue first. A file sent twice is learned once: the events keep their ids.
    """
    if rate is not None and speed_up is not None:
        raise UsageError("--rate and --speed-up exclude each other: give one of them")
    with file.entries() as found:
        entries = list(select(found, users, limit))
    items = [entry for entry in entries if isinstance(entry, Item)]
    events = [entry for entry in entries if not isinstance(entry, Item)]
    check(config.kafka)
    _send(config.kafka, items, events, Pace(rate, speed_up))


def _send(config: Kafka, items: list[Item], events: list[tuple[EventType, Event]], pace: Pace) -> None:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress, Sender(config) as sender:
        try:
            for item in progress.track(items, description="items"):
                sender.item(item)
            sender.flush()
            for kind, event in progress.track(paced(events, pace), total=len(events), description="events"):
                sender.event(kind, event)
            sender.flush()
        finally:
            progress.stop()
            click.echo(str(sender.report()))
