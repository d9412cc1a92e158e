"""`headwater topics`."""

import click

from stream.commands.options import configured, examples
from stream.config import Config
from stream.errors import TopicError
from stream.kafka.admin import create_or_verify


@click.command(
    epilog=examples(
        "headwater topics --broker 127.0.0.1:9092",
        "headwater topics --dry-run",
        "HEADWATER_KAFKA_PARTITIONS=16 headwater topics",
    )
)
@click.option("--dry-run", is_flag=True, help="Create nothing; print what is missing.")
@configured
def command(config: Config, *, dry_run: bool) -> None:
    """Create missing topics and verify the others.

    What exists is never changed. Exit code 4 if a topic is missing or is not as it must be; its line says what to do.
    """
    reports = create_or_verify(config.kafka, dry_run=dry_run)
    for report in reports:
        click.echo(str(report))
    bad = [report.name for report in reports if not report.good]
    if bad:
        raise TopicError(f"{len(bad)} of {len(reports)} topics cannot be used: {', '.join(bad)}")
