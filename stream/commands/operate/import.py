"""`headwater import`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from stream.client.bulk.importing import Import
from stream.client.bulk.kinds import KINDS
from stream.client.bulk.positions import ImportPosition, read_position
from stream.client.bulk.source import SourceFile
from stream.client.bulk.target import STDOUT, format_of
from stream.commands.options import configured, examples
from stream.commands.progress import Ticker
from stream.config import Config
from stream.datasets.how import pairs
from stream.datasets.raw.bad import FormatError, LeftOut, stop
from stream.datasets.raw.unpack import opened, unpacked
from stream.errors import CheckError, UsageError
from stream.kafka.admin import check


@click.command(
    epilog=examples(
        "headwater import items catalogue.jsonl.gz",
        "headwater import items feed.csv --columns item_id=id,text=description,image=image_link --dry-run",
        "headwater import events events.csv --position events.position    # killed, call it again",
    )
)
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("file", metavar="FILE")
@click.option("--format", "format_", type=click.Choice(["jsonl", "csv"]), help="If the name does not say it.")
@click.option(
    "--position", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Where the import got to: killed, it goes on from there, and sends nothing twice.",
)  # fmt: skip
@click.option("--columns", metavar="FIELD=COLUMN,...", multiple=True, help="Fields that have other names in the file.")
@click.option("--skip-bad", is_flag=True, help="Leave out lines that cannot be accepted, and say how many and why.")
@click.option("--dry-run", is_flag=True, help="Check all lines, send nothing.")
@configured
def command(
    config: Config, kind: str, file: str, format_: str | None, position: Path | None, columns: tuple[str, ...], *,
    skip_bad: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Send items, users or events from a file.

    FILE has JSON lines or CSV, packed or not; `-` is the standard input. Each line is checked as the gateway and the
    workers check it; the first that they would not accept ends the import with its number and field (exit code 2),
    unless --skip-bad. Fields are those of the records; events say their `type`, and a line with `deleted` true is the
    end of an item, or a user to be forgotten.
    """
    if position is not None and file == STDOUT:
        raise UsageError("--position: needs a file that can be read again; got -")
    found = read_position(position, ImportPosition(kind=kind, namespace=config.kafka.namespace))
    left_out, name, what = LeftOut(), format_of(file, format_), KINDS[kind]
    partitions = {} if dry_run else check(config.kafka)
    with _bytes(file) as data, Ticker("lines") as moved:
        on_bad = left_out if skip_bad or dry_run else stop
        source = SourceFile(Path(file), data, what, pairs("--columns", columns), on_bad)
        run = Import(config.kafka, what, position, found, on_bad, moved)
        try:
            documents = source.documents(name, 0 if dry_run else found.line, found.digest)
            if dry_run:
                run.check(source, documents)
                said = f"{run.valid:,} {kind} may be sent"
            else:
                said = str(run.send(source, documents, partitions))
        except FormatError as error:
            raise UsageError(f"{error}{_reached(run, position)}") from error
    for sentence in (*source.unread, *run.unread):
        click.echo(sentence, err=True)
    if len(left_out):
        click.echo(str(left_out), err=True)
    click.echo(said, err=True)
    if len(left_out) and (dry_run or not run.valid):
        raise CheckError(f"{file}: {len(left_out):,} lines cannot be accepted")


def _reached(run: Import, position: Path | None) -> str:
    """What holds after an error."""
    if not run.position.line:
        return "; nothing was sent"
    again = f"; correct it and go on with --position {position}" if position is not None else ""
    return f"; the first {run.position.line:,} lines are in Kafka{again}"


@contextmanager
def _bytes(file: str) -> Iterator[IO[bytes]]:
    if file == STDOUT:
        yield unpacked(sys.stdin.buffer, Path(file))
    else:
        with opened(Path(file)) as data:
            yield data
