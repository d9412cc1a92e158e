"""`headwater experiment`."""

import asyncio
import time
from pathlib import Path

import click
import orjson
from rich.console import Console

from stream.client.experiment_status import read_tally, report, show
from stream.client.producer import Sender
from stream.commands.options import configured, examples, within_option
from stream.config import Config
from stream.errors import CheckError
from stream.experiments.definition import load_experiment
from stream.experiments.results import Tally
from stream.kafka.admin import check
from stream.kafka.connections import Connections
from stream.records.schemas import Experiment

CHECK_INTERVAL_S = 0.3


@click.group(
    epilog=examples(
        "headwater experiment start deploy/experiment.example.toml",
        "headwater experiment status",
        "headwater experiment stop bolder",
    )
)
def command() -> None:
    """Compare configurations on real users, and look at any time.

    An experiment is a file (docs/experiments.md): variants of policy, ranking and rules, their shares of the users,
    guards. It reaches all workers through the log: they begin and end it at the same record, without a restart.
    """


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only check whether it can be run.")
@within_option
@configured
def start(config: Config, file: Path, *, dry_run: bool, within: float) -> None:
    """Start the experiment in FILE; exit code 1 if another one runs, or no worker took it in time."""
    experiment = load_experiment(file, time.time(), config)
    shares = ", ".join(f"{variant.name} {variant.share:.0%}" for variant in experiment.variants)
    if dry_run:
        click.echo(f"could start {experiment.name}: {shares}")
        return
    check(config.kafka)
    running = _tally(config).current
    if running is not None:
        raise CheckError(f"experiment {running.name} runs: stop it first (headwater experiment stop {running.name})")
    _send(config, experiment.name, experiment, within)
    click.echo(f"started {experiment.name}: {shares}")


@command.command()
@click.argument("name")
@within_option
@configured
def stop(config: Config, name: str, within: float) -> None:
    """Stop the experiment NAME: from then on all users get the configured slates. Its results stay readable."""
    check(config.kafka)
    running = _tally(config).current
    if running is None or running.name != name:
        raise CheckError(f"experiment {name}: does not run; {f'{running.name} does' if running else 'none does'}")
    _send(config, name, None, within)
    click.echo(f"ended {name}")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def status(config: Config, *, as_json: bool) -> None:
    """Print the results of the newest experiment so far; exit code 1 if there is none."""
    check(config.kafka)
    found = report(_tally(config))
    if not found:
        raise CheckError("no experiment has been started: headwater experiment start FILE")
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        show(found, Console())


def _tally(config: Config) -> Tally:
    return asyncio.run(read_tally(Connections(config.kafka)))


def _send(config: Config, name: str, experiment: Experiment | None, within: float) -> None:
    """Send the change, and wait until the log has it."""
    with Sender(config.kafka) as sender:
        sender.experiment(name, experiment)
        sender.flush()
    deadline = time.monotonic() + within
    while within > 0 and _tally(config).current != experiment:
        if time.monotonic() > deadline:
            raise CheckError(
                f"experiment {name}: no worker took it within {within:g} s; one will when it runs, "
                "unless it cannot: then events.dead says why"
            )
        time.sleep(CHECK_INTERVAL_S)
