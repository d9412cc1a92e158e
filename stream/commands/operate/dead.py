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

    The worker writes them to events.dead with their bytes and a reason, and goes on.
    """


@command.command(name="list")
@click.option("--reason", type=click.Choice(REASONS), help="Only those with this reason.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="How many to list.")
@configured
def list_(config: Config, reason: str | None, last: int) -> None:
    """List the newest records, and how many there are for each reason."""
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
    """Print the original bytes of the record at OFFSET of events.dead."""
    found = next(islice(letters(config.kafka, offset), 1), None)
    if found is None or found.offset != offset:
        raise CheckError(f"events.dead: must hold offset {offset}; `headwater dead list` shows what is there")
    click.echo(found.letter.value or b"", nl=True)


@command.command(name="replay")
@click.option("--reason", type=click.Choice(REASONS), help="Only those with this reason; the others are skipped.")
@click.option("--limit", type=click.IntRange(1), default=10_000, show_default=True, help="How many to send at most.")
@click.option(
    "--from", "start", type=click.IntRange(0), help="Offset of events.dead.  [default: after the last replay]"
)
@configured
def replay_(config: Config, reason: str | None, limit: int, start: int | None) -> None:
    """Send the records to their topics again, unchanged, once each.

    For records that can be read now, since a clock was corrected or a newer worker runs. Those that still cannot be
    read become new dead letters. How far it went is kept in Kafka, as the offset of a consumer group.
    """
    sent, after = replay(config.kafka, start=start, limit=limit, reason=reason)
    click.echo(f"sent {sent:,} again; the next one starts at offset {after}")
