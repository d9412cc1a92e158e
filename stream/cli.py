"""The `headwater` command. A subcommand's module is imported when it runs: `headwater --help` stays quick."""

import contextlib
import errno
import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import click

from stream.errors import INTERRUPTED, HeadwaterError
from stream.metrics.log_lines import one_line_each
from stream.records.numbers import number, whole

# Folders of `stream.commands` with their commands, in the order of a first visit.
ROOMS: dict[str, dict[str, str]] = {
    "run": {
        "demo": "Watch it learn: MovieLens through a real Kafka and a real worker",
        "broker": "Run a Kafka of one node on this machine, for development",
        "topics": "Create missing topics and verify the others",
        "worker": "Turn events into recommendations, and learn from them",
        "gateway": "Serve recommendations, events and a console over HTTP",
        "kernels": "Compile what is compiled, before the first worker does",
        "config": "Print every setting with its meaning and value, as TOML",
    },
    "operate": {
        "replay": "Send a file of events to Kafka, at a rate of your choice",
        "watch": "Watch recommendations arrive, with titles",
        "recommend": "Print the newest slate of one user",
        "ask": "Ask the model for a list: similar items, popular ones, users",
        "experiment": "Compare configurations on real users, and look at any time",
        "export": "Write items, users or events to a file",
        "import": "Send items, users or events from a file",
        "forget": "Remove a user from everything that headwater knows",
        "dead": "Look at records that could not be read, and send them again",
        "model": "Look at the shared model, save it, load it",
        "rules": "Read a rules file and say what it means",
    },
    "measure": {
        "evaluate": "Measure recommendations on a file of events, without Kafka",
        "simulate": "Compare policies on simulated shoppers, whose tastes are known",
        "ope": "Estimate what another policy would have earned",
        "tune": "Search for better settings on the first events of a file",
        "bench": "Measure speed, through a real Kafka or part by part",
        "chaos": "Kill workers and the broker at random; check exactly-once",
    },
}
UNWRITABLE = {errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}  # of output
COMMANDS = {name: (room, text) for room, commands in ROOMS.items() for name, text in commands.items()}

EPILOG = """\b
The loop, in four terminals:
  headwater broker --port 9092
  headwater topics && headwater worker
  headwater replay events.csv --rate 100
  headwater watch

\b
Exit codes: 0 fine · 1 a check failed · 2 wrong usage or configuration ·
  3 broker not reachable · 4 topics missing or wrong · 130 Ctrl-C"""


class LazyGroup(click.Group):
    """A group that lists its commands from `COMMANDS` and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import `stream.commands.<room>.<name>` and take its `command`."""
        if cmd_name not in COMMANDS:
            return None
        gc.disable()  # imports make no garbage; looking for it takes a tenth of their time
        try:
            command: click.Command = importlib.import_module(
                f"stream.commands.{COMMANDS[cmd_name][0]}.{cmd_name}"
            ).command
        finally:
            gc.enable()
        _read_numbers_strictly(command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by room, without importing them."""
        width = max(map(len, COMMANDS))
        for room, commands in ROOMS.items():
            with formatter.section(room.capitalize()):
                formatter.write_dl([(name.ljust(width), text) for name, text in commands.items()])


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", envvar="HEADWATER_CONFIG", show_envvar=True, metavar="FILE", help="Settings, as TOML.")
@click.option("--broker", metavar="HOST:PORT", help="Kafka's address.  [env var: HEADWATER_BROKER]")
@click.version_option(version("headwater"), message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, config: str | None, broker: str | None) -> None:
    """Recommendations that learn from every event: events in on Kafka, refreshed slates out.

    Start with `headwater demo`. `headwater COMMAND --help` shows examples; --config and --broker may also stand after
    the command.
    """
    context.obj = {"config": config, "broker": broker}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; an error becomes one line on standard error and an exit code (see `stream.errors`)."""
    one_line_each()
    try:
        code = _run(arguments)
        _flush()
    except SystemExit as ended:  # click's answer to a closed pipe
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        return _unwritten(ended.__context__)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        return _unwritten(error)
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = cli.main(arguments, prog_name="headwater", standalone_mode=False)
    except click.UsageError as error:
        return _fail(f"{error.format_message()} Try `{_path(error)} --help`.", error.exit_code)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except HeadwaterError as error:
        return _fail(str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("ended by Ctrl-C", INTERRUPTED)
    return code if isinstance(code, int) else 0


class Whole(click.IntRange):
    """A whole number as `stream.records.numbers` has it: `int` of Python also takes `1_000`, ` 5` and other digits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return an int in the range."""
        return super().convert(_parsed(self, whole, value, param, ctx), param, ctx)


class Number(click.FloatRange):
    """A number as `stream.records.numbers` has it: `float` of Python also takes `nan`, which is in every range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a float in the range."""
        return super().convert(_parsed(self, number, value, param, ctx), param, ctx)


def _parsed(
    kind: click.ParamType, parse: Callable[[str], float], value: Any, param: click.Parameter | None,
    ctx: click.Context | None,
) -> Any:  # fmt: skip
    try:
        return parse(value) if isinstance(value, str) else value
    except ValueError as error:
        kind.fail(str(error), param, ctx)


def _read_numbers_strictly(command: click.Command) -> None:
    """Give all numbers among a command's parameters, and its subcommands', the types above."""
    for param in command.params:
        for old, new in ((click.IntRange, Whole), (click.FloatRange, Number)):
            kind = param.type
            if type(kind) is old:
                param.type = new(kind.min, kind.max, kind.min_open, kind.max_open, kind.clamp)
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        _read_numbers_strictly(each)


def _path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "headwater"


def _fail(message: str, code: int) -> int:
    with contextlib.suppress(OSError):  # nobody reads it
        click.echo(f"headwater: {message}", err=True)
    return code


def _flush() -> None:
    """Write what is buffered now: an error of the interpreter's own flush at its end would be a traceback."""
    if sys.stdout is not None and not sys.stdout.closed:
        sys.stdout.flush()


def _unwritten(error: OSError) -> int:
    _discard_output()
    if error.errno == errno.EPIPE:  # `headwater watch | head` has read enough
        return 0
    return _fail(f"the output cannot be written: {error.strerror}", 1)


def _discard_output() -> None:
    """Lead what is still buffered into nothing."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nothing, stream.fileno())
        except (AttributeError, ValueError):  # there is none, or it is closed
            continue
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
