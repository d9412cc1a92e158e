"""`headwater replay`."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stream.client.producer import Pace, Sender, paced, select
from stream.commands.options import configured, examples
from stream.config import Config, Kafka
from stream.datasets.readers import FORMATS, FormatError, read
from stream.errors import UsageError
from stream.kafka.admin import check
from stream.records.schemas import Event, EventType, Item

POSITIVE = click.FloatRange(0, min_open=True)


@click.command(
    epilog=examples(
        "headwater replay events.csv --rate 500",
        "headwater replay user_behavior.csv.gz --format taobao --speed-up 3600    # an hour a second",
        "headwater replay deploy/demo/movielens-latest-small --users 100 --limit 10000",
    )
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Guessed from the file if not given.")
@click.option("--rate", type=POSITIVE, help="Events per second.  [default: as fast as Kafka takes them]")
@click.option("--speed-up", type=POSITIVE, help="Keep the time between events, so many times as fast.")
@click.option("--users", type=click.IntRange(1), help="Only the first so many users.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many events.")
@click.option("--skip-bad", is_flag=True, help="Leave out lines that cannot be read, and count them.")
@configured
def command(
    config: Config, file: Path, format_: str | None, rate: float | None, speed_up: float | None, users: int | None,
    limit: int | None, *, skip_bad: bool,
) -> None:  # fmt: skip
    """Send a file of events to Kafka, at a rate of your choice.

    Events are sent in the order of their timestamps, which stay as they are; items that the file describes go to the
    catalogue first. A file sent twice is learned once: the events keep their ids.
    """
    if rate is not None and speed_up is not None:
        raise UsageError("--rate and --speed-up exclude each other: give one of them")
    bad: list[FormatError] = []
    entries = list(select(read(file, format_, bad.append if skip_bad else None), users, limit))
    if bad:
        click.echo(f"{len(bad):,} lines left out; the first: {bad[0]}", err=True)
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
