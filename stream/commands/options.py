"""What the commands share: the settings, options collected into one object, options of several commands, pictures."""

import functools
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from stream.config import Config, load
from stream.errors import UsageError
from stream.records.ids import fault

P = ParamSpec("P")
R = TypeVar("R")
Options = TypeVar("Options")
PICTURES = {".png", ".svg"}


class Id(click.ParamType):
    """The id of a user or an item, by the rule of `stream.records.ids`."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it unchanged, or fail."""
        wrong = fault(value)
        if wrong:
            self.fail(wrong, param, ctx)
        return value


resamples_option = click.option(
    "--resamples", type=click.IntRange(0), default=1000, show_default=True,
    help="Bootstrap resamples over users, for the intervals; 0: no intervals.",
)  # fmt: skip
within_option = click.option(
    "--within", type=click.FloatRange(min=0), default=30.0, show_default=True,
    help="Seconds to wait until a worker has done it; 0: do not wait.",
)  # fmt: skip


def configured(function: Callable[Concatenate[Config, P], R]) -> Callable[P, R]:
    """Add the options --config and --broker, and pass the settings loaded with them as the first argument.

    The same options before the command's name hold unless they are repeated after it.
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


def collected(
    options: Callable[..., Options],
) -> Callable[[Callable[[Config, Options], R]], Callable[Concatenate[Config, ...], R]]:
    """Pass a command's many options as one object: a frozen dataclass with a field for each, of the same name.

    >>> @collected(dict)
    ... def command(config: Config, options: dict[str, Any]) -> dict[str, Any]:
    ...     return options
    >>> command(Config(), seeds=3, as_json=True)
    {'seeds': 3, 'as_json': True}
    """

    def decorate(function: Callable[[Config, Options], R]) -> Callable[Concatenate[Config, ...], R]:
        @functools.wraps(function)
        def command(config: Config, **given: Any) -> R:
            return function(config, options(**given))

        return command

    return decorate


def picture(plot: Path, name: str) -> Callable[..., None]:
    """Import the drawing function `name` of `plot.py` before a long run, so that a missing library shows at once."""
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
    """Format the examples at the end of a command's help."""
    return "\n  ".join(("\b\nExamples:", *lines))


def settings(config: str, broker: str) -> Config:
    """Load the settings from a file and the environment; `broker` overrides both. An empty string: not given."""
    environment = dict(os.environ)
    if broker:
        environment["HEADWATER_KAFKA_BROKER"] = broker
    return load(Path(config) if config else None, environment)
