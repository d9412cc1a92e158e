"""What the commands share: the settings, options collected into one object, the file they read, pictures."""

import functools
import importlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from stream.config import Config, load
from stream.datasets.how import TIME_UNITS, How, from_file, over, pairs, separator_of
from stream.datasets.readers import FORMATS, Entry, LeftOut, read
from stream.errors import UsageError
from stream.records.ids import fault
from stream.records.schemas import KINDS

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


@dataclass(frozen=True)
class Source:
    """A file of events, and what is said about it."""

    file: Path
    how: How
    skip_bad: bool

    @contextmanager
    def entries(self) -> Iterator[Iterator[Entry]]:
        """Its events; at the end, what was left out of it goes to standard error."""
        left_out = LeftOut()
        try:
            yield read(self.file, on_bad=left_out if self.skip_bad else None, how=self.how, now=time.time())
        finally:
            if len(left_out):
                click.echo(str(left_out), err=True)


SOURCE_OPTIONS = (
    click.option("--format", "format_", type=click.Choice(FORMATS), help="Found out from the file if not given."),
    click.option(
        "--columns", metavar="ROLE=COLUMN,...", multiple=True,
        help="Names of columns, paths in JSON, or numbers from 1: user, item, time; if there are any, event, session, "
        "price, quantity, rating, title, category, brand.",
    ),
    click.option(
        "--events", metavar="VALUE=EVENT,...", multiple=True,
        help="What values of the event column mean: view, click, purchase or skip; `*` stands for all others.",
    ),
    click.option("--default-event", type=click.Choice(KINDS), help="Of a file without events.  [default: view]"),
    click.option("--time-unit", type=click.Choice(TIME_UNITS), help="Found out from the file if not given."),
    click.option("--separator", help="Of columns: one character, or comma, semicolon, tab, pipe."),
    click.option("--encoding", help="Of text, such as cp1252.  [default: UTF-8, UTF-16 or cp1252, by content]"),
    click.option(
        "--layout", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.toml",
        help="All of these in a file; docs/files.md.",
    ),
    click.option("--skip-bad", is_flag=True, help="Leave out lines that cannot be read, and say how many and why."),
)  # fmt: skip


def of_file(argument: str = "file") -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Add the options of how a file is to be read, and pass them with the file, under its name, as a `Source`."""

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(function)
        def command(*args: Any, **given: Any) -> R:
            file, skip_bad = given.pop(argument), given.pop("skip_bad")
            how = _how(given)
            return function(*args, **given, **{argument: None if file is None else Source(file, how, skip_bad)})

        for option in reversed(SOURCE_OPTIONS):
            command = option(command)
        return command

    return decorate


def _how(given: dict[str, Any]) -> How:
    """Take what is said about the file out of a command's options."""
    layout, separator = given.pop("layout"), separator_of(given.pop("separator"))
    said = How(
        given.pop("format_"), pairs("--columns", given.pop("columns")), pairs("--events", given.pop("events")),
        given.pop("default_event"), given.pop("time_unit"), separator, given.pop("encoding"),
        command=click.get_current_context().info_name or "evaluate",
    )  # fmt: skip
    return said if layout is None else over(from_file(layout), said)


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
