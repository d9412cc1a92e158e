"""`headwater ope`."""

import os
from dataclasses import dataclass
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from stream.commands.options import collected, configured, examples, resamples_option
from stream.config import PREFIX, Config, load
from stream.datasets.raw.bad import LeftOut
from stream.errors import UsageError
from stream.ope.log import messages_of_file, messages_of_topic, of_placement, read
from stream.ope.open_bandit import campaigns, compare
from stream.ope.replay import Candidate, Fixed, Log, RewardModel, Slots, Uniform, candidate, follow, prepare
from stream.ope.report import report
from stream.ope.tables import print_estimates, print_open_bandit
from stream.records.schemas import HOME


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    file: Path | None
    policies: tuple[Path, ...]
    fixed: tuple[str, ...]
    uniform: bool
    clip: float
    resamples: int
    save: Path | None
    placement: str
    open_bandit: Path | None
    skip_bad: bool
    as_json: bool


@click.command(
    epilog=examples(
        "headwater ope",
        "headwater ope --policy candidate.toml --fixed popularity --uniform",
        "headwater ope --save outcomes.jsonl && headwater ope outcomes.jsonl --json",
        "headwater ope --placement cart",
        "headwater ope --open-bandit open-bandit/",
    )
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--policy", "policies", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings, as TOML, whose [policy] would draw the slates; repeatable.  [default: the worker's own]",
)  # fmt: skip
@click.option("--fixed", multiple=True, metavar="SOURCE", help="Always this source, such as `ranked`; repeatable.")
@click.option("--uniform", is_flag=True, help="Any source, all equally probable.")
@click.option(
    "--clip", type=click.FloatRange(1), default=10.0, show_default=True,
    help="Largest weight of the clipped estimators and of switch-DR.",
)  # fmt: skip
@resamples_option
@click.option("--placement", default=HOME, show_default=True, metavar="NAME", help="Whose decisions are looked at.")
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Save the messages read, as JSON lines.")
@click.option(
    "--open-bandit", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="Check the estimators on the Open Bandit Dataset instead.",
)  # fmt: skip
@click.option("--skip-bad", is_flag=True, help="Leave out messages that cannot be read, and say how many and why.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@configured
@collected(Options)
def command(config: Config, options: Options) -> None:
    """Estimate what another policy would have earned.

    Reads settled decisions from the topic `outcomes`, or from FILE with its messages as JSON lines. Each candidate is
    run over the log: it learns from what was settled, and gives the probability with which it would have drawn the
    slates that were shown. Warns if too few of them are probable. docs/ope.md says which figure to believe when.
    """
    if options.placement in config.placements:
        config = config.at(options.placement)
    if options.open_bandit is not None:
        _check_dataset(config, options.open_bandit, options)
        return
    file = options.file
    messages = list(messages_of_topic(config.kafka) if file is None else messages_of_file(file))
    if options.save is not None:
        options.save.write_bytes(b"".join(message.strip() + b"\n" for message in messages if message.strip()))
    left_out = LeftOut()
    where = "topic outcomes" if file is None else str(file)
    log = prepare(of_placement(read(messages, where, left_out if options.skip_bad else None), options.placement))
    if len(left_out):
        click.echo(str(left_out), err=True)
    slots = _followed(log, _candidates(config, log, options))
    found = report(log, slots, clip=options.clip, resamples=options.resamples, seed=config.policy.seed)
    if options.as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        print_estimates(found, Console())


def _candidates(config: Config, log: Log, options: Options) -> list[Candidate]:
    """Those that were asked for; by default the worker's own policy, its ranking, and uniform draws."""
    policies, fixed, uniform = options.policies, options.fixed, options.uniform
    if not policies and not fixed and not uniform:
        return [candidate(config.policy.name, config, log), Fixed(log.offering, log.offering[0]), Uniform()]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    found: list[Candidate] = [candidate(path.stem, load(path, environment), log) for path in policies]
    found += [Fixed(log.offering, source) for source in fixed]
    found += [Uniform()] if uniform else []
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise UsageError(f"--policy, --fixed: names must differ; got {', '.join(names)}")
    return found


def _followed(log: Log, candidates: list[Candidate]) -> dict[str, Slots]:
    model = RewardModel(log, max(len(decision.sources) for decision in log.decisions))
    console, found = Console(stderr=True), {}
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("running candidates over the log", total=len(candidates) * len(log.decisions))
        for each in candidates:
            found[each.name] = follow(log, each, model, lambda: progress.advance(task))
    return found


def _check_dataset(config: Config, directory: Path, options: Options) -> None:
    found = {
        name: compare(directory, name, clip=options.clip, resamples=options.resamples, seed=config.policy.seed)
        for name in campaigns(directory)
    }
    if options.as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        print_open_bandit(found, Console())
