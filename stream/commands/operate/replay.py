"""`headwater replay`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from kafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stream.client.producer import Pace, Sender, paced, select
from stream.client.sent_before import beyond_memory, sent_before
from stream.client.taken_in import Follower, Partition
from stream.commands.options import Source, collected, configured, examples, of_file
from stream.config import Config, Kafka
from stream.errors import CheckError, UsageError
from stream.kafka.admin import check
from stream.records.schemas import Event, EventType, Item


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    file: Source
    rate: float | None
    speed_up: float | None
    users: int | None
    limit: int | None
    wait_s: float

    @property
    def pace(self) -> Pace:
        """When events are due."""
        return Pace(self.rate, self.speed_up)


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
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0, max=86_400), default=30.0, show_default=True,
    help="Seconds to wait until workers have taken it in, to report what was learned; 0: do not ask.",
)  # fmt: skip
@configured
@of_file()
@collected(Options)
def command(config: Config, options: Options) -> None:
    """Send a file of events to Kafka, at a rate of your choice.

    Events are sent in the order of their timestamps, which stay as they are; items that the file describes go to the
    catalogue first. An event's id comes from what it says, so a file sent twice is learned once, under whatever name,
    and the next day's file is learned whole. At its end it says what workers learned, dropped as duplicates, or could
    not read; exit code 1 if they took the file in and learned nothing of it.
    """
    if options.rate is not None and options.speed_up is not None:
        raise UsageError("--rate and --speed-up exclude each other: give one of them")
    with options.file.entries() as found:
        entries = list(select(found, options.users, options.limit))
    items = [entry for entry in entries if isinstance(entry, Item)]
    events = [entry for entry in entries if not isinstance(entry, Item)]
    check(config.kafka)
    if beyond_memory(events):
        events = _new(config.kafka, events)
    if not options.wait_s:
        _send(config.kafka, items, events, options.pace)
        return
    with Follower(config.kafka) as follower:
        sent = _send(config.kafka, items, events, options.pace)
        _report(follower, sent, options.wait_s)


def _new(config: Kafka, events: list[tuple[EventType, Event]]) -> list[tuple[EventType, Event]]:
    """Those that Kafka does not hold yet."""
    try:
        before = sent_before(config, events)
    except KafkaError as error:
        click.echo(f"whether events were sent before is not known: the topics cannot be read: {error}", err=True)
        return events
    new = [entry for entry in events if entry[1].event_id not in before]
    if before:
        click.echo(f"left out {len(events) - len(new):,} events that were sent before and are in Kafka")
    if events and not new:
        raise CheckError("all events of the file were sent before: nothing was sent")
    return new


def _send(
    config: Kafka, items: list[Item], events: list[tuple[EventType, Event]], pace: Pace
) -> Mapping[Partition, Sequence[int]]:
    """Send everything; returns where it stands in the topics."""
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
    return sender.offsets


def _report(follower: Follower, sent: Mapping[Partition, Sequence[int]], wait_s: float) -> None:
    """Say what became of it."""
    found = follower.wait(sent, wait_s)
    if follower.failure:
        click.echo(f"what workers made of it is not known: {follower.failure}", err=True)
        return
    if found.waiting == sum(map(len, sent.values())) and not follower.workers():
        click.echo("no worker runs: the records wait in Kafka, and are learned when one does", err=True)
        return
    click.echo(f"{found}{f' after {wait_s:g} s: workers go on with them' if found.waiting else ''}")
    if found.sent and not found.learned:
        raise CheckError("nothing of what was sent was learned")
