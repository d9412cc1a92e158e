"""`headwater dead`."""

from datetime import UTC, datetime
from itertools import islice

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream.client.dead_letters import letters, replay
from stream.commands.options import configured, examples
from stream.config import Config
from stream.errors import CheckError
from stream.records.codec import REASONS


@click.group(
    epilog=examples(
        "headwater dead list --reason bad_timestamp",
        "headwater dead show 17",
        "headwater dead replay --limit 1000",
    )
)
def command() -> None:
    """Look at records that could not be read, and send them again.

    The worker puts them onto events.dead with their bytes and a reason; nothing stops because of them.
    """


@command.command(name="list")
@click.option("--reason", type=click.Choice(REASONS), help="Only these.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="So many, the newest.")
@configured
def list_(config: Config, reason: str | None, last: int) -> None:
    """List the newest ones, and how many there are for each reason."""
    console, counts = Console(), dict[str, int]()
    kept = []
    for each in letters(config.kafka):
        counts[each.letter.reason] = counts.get(each.letter.reason, 0) + 1
        if reason in (None, each.letter.reason):
            kept.append(each)
            del kept[:-last]
    table = Table("offset", "when", "from", "reason", "what was expected, what came")
    for offset, letter in kept:
        when = datetime.fromtimestamp(letter.timestamp, UTC).strftime("%m-%d %H:%M:%S")
        where = f"{letter.topic}/{letter.partition} {letter.offset}"
        table.add_row(str(offset), when, Text(where), letter.reason, Text(letter.detail))
    console.print(table)
    console.print(", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "there are none")


@command.command()
@click.argument("offset", type=click.IntRange(0))
@configured
def show(config: Config, offset: int) -> None:
    """Print the original bytes of the one at OFFSET of events.dead."""
    found = next(islice(letters(config.kafka, offset), 1), None)
    if found is None or found.offset != offset:
        raise CheckError(f"events.dead: must hold offset {offset}; `headwater dead list` shows what is there")
    click.echo(found.letter.value or b"", nl=True)


@command.command(name="replay")
@click.option("--reason", type=click.Choice(REASONS), help="Only these; the others count as done.")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="At most so many.")
@click.option("--from", "start", type=click.IntRange(0), help="Offset of events.dead; after the last one sent else.")
@configured
def replay_(config: Config, reason: str | None, limit: int, start: int | None) -> None:
    """Send them again to their topics, as they came, once each.

    For what can be read now: a clock was put right, a worker of a newer version runs. What still cannot be read becomes
    a new dead letter. How far it went is remembered in Kafka, as the offset of a consumer group.
    """
    sent, after = replay(config.kafka, start=start, limit=limit, reason=reason)
    click.echo(f"sent {sent:,} again; the next one starts at offset {after}")
