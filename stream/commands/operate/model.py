"""`headwater model`."""

import asyncio
from pathlib import Path

import click

from stream.client import model_file
from stream.commands.options import configured, examples
from stream.config import Config
from stream.errors import CheckError
from stream.kafka.admin import check
from stream.kafka.connections import Connections
from stream.model.copy import ModelCopy

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(
    epilog=examples("headwater model info", "headwater model save model.bin", "headwater model load model.bin")
)
def command() -> None:
    """Look at the shared model, save it, load it.

    Workers store the model on the topic headwater.model; these commands read and write that topic, so no worker needs
    to run. What single users did is not in the model but in the snapshots of users.
    """


@command.command()
@click.argument("file", type=FILE, required=False)
@configured
def info(config: Config, file: Path | None) -> None:
    """Print what the newest snapshot, or a saved FILE, holds."""
    if file is not None:
        click.echo(_described(model_file.read(file)))
        return
    check(config.kafka)
    stand = asyncio.run(model_file.look(Connections(config.kafka)))
    click.echo(f"headwater.log: {stand.log_start} to {stand.log_end}")
    if stand.saved is None:
        raise CheckError("no whole snapshot of the model yet: workers store one within `snapshot_s`")
    click.echo(_described(stand.saved))


@command.command()
@click.argument("file", type=FILE)
@configured
def save(config: Config, file: Path) -> None:
    """Write the newest snapshot to FILE."""
    check(config.kafka)
    stand = asyncio.run(model_file.look(Connections(config.kafka)))
    if stand.saved is None:
        raise CheckError("no whole snapshot of the model yet: workers store one within `snapshot_s`")
    model_file.write(file, stand.saved)
    click.echo(f"saved the model of log offset {stand.saved.offset}, {file.stat().st_size:,} bytes")


@command.command()
@click.argument("file", type=FILE)
@configured
def load(config: Config, file: Path) -> None:
    """Start workers from the model in FILE.

    The log must be empty (a new cluster or namespace) or the one that the model was folded from. Workers that run keep
    their own model: stop them before, start them after.
    """
    saved = model_file.read(file)
    check(config.kafka)
    offset = asyncio.run(model_file.load(Connections(config.kafka), saved))
    click.echo(f"loaded; workers that start now continue from log offset {offset}")


def _described(saved: ModelCopy) -> str:
    lines = [f"model of log offset {saved.offset}, fingerprint {saved.fingerprint()}"]
    for name, part in saved.parts.items():
        size = sum(array.nbytes for array in part.values())
        lines.append(f"  {name}: {size:,} bytes; " + ", ".join(f"{key} {array.shape}" for key, array in part.items()))
    return "\n".join(lines)
