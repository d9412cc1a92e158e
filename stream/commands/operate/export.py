"""`headwater export`."""

import asyncio
from pathlib import Path

import click

from stream.client.bulk.exporting import Export
from stream.client.bulk.kinds import KINDS
from stream.client.bulk.positions import ExportPosition, read_position
from stream.client.bulk.target import STDOUT, TargetFile, format_of
from stream.commands.options import configured, examples
from stream.commands.progress import Ticker
from stream.config import Config
from stream.errors import UsageError
from stream.kafka.admin import check


@click.command(
    epilog=examples(
        "headwater export items catalogue.jsonl.gz",
        "headwater export events events.csv --position events.position    # again tomorrow: what came since",
        "headwater export users - | jq .attributes",
    )
)
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("file", metavar="FILE")
@click.option("--format", "format_", type=click.Choice(["jsonl", "csv"]), help="If the name does not say it.")
@click.option(
    "--position", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Where the export got to: killed, it goes on from there; complete, it adds what came since.",
)  # fmt: skip
@configured
def command(config: Config, kind: str, file: str, format_: str | None, position: Path | None) -> None:
    """Write items, users or events to a file.

    FILE has JSON lines or CSV, by its name, and is packed if that ends in .gz; `-` is the standard output. Of items and
    users the newest record of each is written, of events all that the topics hold; up to where the topics end now. With
    a position file that says that an export is complete, what came since is added, or written to another FILE; the end
    of an item and a forgotten user then are lines with `deleted`. `headwater import` reads such files.
    """
    found = read_position(position, ExportPosition(kind=kind, namespace=config.kafka.namespace, file=file))
    size: int | None = None
    if position is not None and file == STDOUT:
        raise UsageError("--position: needs a file that can be gone on with; got -")
    if position is not None and position.exists():
        if found.ends and found.file != file:
            raise UsageError(
                f"--position {position}: is of {found.file}, which is not complete yet: go on with that file"
            )
        size = found.size if found.file == file else None
    found.file = file
    partitions = check(config.kafka)
    name = format_of(file, format_)
    with TargetFile(file, name, KINDS[kind], size) as target, Ticker(f"records of {kind}") as moved:
        export = Export(config.kafka, KINDS[kind], position, found, moved)
        done = asyncio.run(export.run(target, partitions))
    click.echo(str(done), err=True)
