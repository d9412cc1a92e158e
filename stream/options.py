"""What the commands share: the settings that `--config`, `--broker` and the environment make."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import click

from stream.config import Config, ConfigError, load
from stream.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")


def configured(function: Callable[Concatenate[Config, P], R]) -> Callable[P, R]:
    """Give a command the options --config and --broker, and the settings they make as its first argument.

    The same options before the command's name hold where they are not repeated after it.
    """

    @click.option("--config", metavar="FILE", help="Settings, as TOML.")
    @click.option("--broker", metavar="HOST:PORT", help="Kafka's address.")
    @click.pass_context
    @functools.wraps(function)
    def command(context: click.Context, *args: P.args, **options: P.kwargs) -> R:
        shared = context.find_object(dict) or {}
        given = {name: options.pop(name) or shared.get(name) for name in ("config", "broker")}
        return function(settings(given["config"], given["broker"]), *args, **options)

    return command


def settings(config: str | None, broker: str | None) -> Config:
    """Load the settings from a file, if any, and the environment; `broker` wins over both."""
    environment = dict(os.environ)
    if broker is not None:
        environment["HEADWATER_KAFKA_BROKER"] = broker
    try:
        return load(Path(config) if config else None, environment)
    except ConfigError as error:
        raise UsageError(str(error)) from error
