"""What the commands share: settings of `--config`, `--broker` and the environment, some options, pictures."""

import functools
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import click

from stream.config import Config, load
from stream.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")
PICTURES = {".png", ".svg"}

resamples_option = click.option(
    "--resamples", type=click.IntRange(0), default=1000, show_default=True,
    help="Of the bootstrap over users; 0: no intervals.",
)  # fmt: skip
within_option = click.option(
    "--within", type=click.FloatRange(min=0), default=30.0, show_default=True,
    help="Seconds to wait until a worker has done it; 0: do not wait.",
)  # fmt: skip


def configured(function: Callable[Concatenate[Config, P], R]) -> Callable[P, R]:
    """Give a command the options --config and --broker, and the settings they make as its first argument.

    The same options before the command's name hold where they are not repeated after it.
    """

    @click.option("--config", metavar="FILE", help="Settings, as TOML.")
    @click.option("--broker", metavar="HOST:PORT", help="Kafka's address.")
    @functools.wraps(function)
    def command(*args: P.args, **options: P.kwargs) -> R:
        shared: dict[str, str | None] = click.get_current_context().obj or {}
        config, broker = options.pop("config"), options.pop("broker")
        loaded = settings(str(config or shared.get("config") or ""), str(broker or shared.get("broker") or ""))
        return function(loaded, *args, **options)

    return command


def picture(plot: Path, name: str) -> Callable[..., None]:
    """Find what draws before the long run, so that a missing library costs no time; `name` is its function."""
    if plot.suffix not in PICTURES:
        raise UsageError(f"--plot: the file must end in {' or '.join(sorted(PICTURES))}; got {plot}")
    try:
        draw: Callable[..., None] = getattr(importlib.import_module("stream.commands.plot"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise UsageError("--plot needs matplotlib: pip install 'headwater[plots]'") from error
    return draw


def examples(*lines: str) -> str:
    """Epilog of a command's help."""
    return "\n  ".join(("\b\nExamples:", *lines))


def settings(config: str, broker: str) -> Config:
    """Load the settings from a file and the environment; `broker` wins over both. Empty: not given."""
    environment = dict(os.environ)
    if broker:
        environment["HEADWATER_KAFKA_BROKER"] = broker
    return load(Path(config) if config else None, environment)
