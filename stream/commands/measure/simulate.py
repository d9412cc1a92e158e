"""`headwater simulate`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bandits import POLICIES
from bandits.worlds import REFERENCES, SETTINGS, Shop, Tastes
from bandits.worlds.shop import SESSIONS
from stream.client import experiment_status
from stream.commands.options import Source, collected, configured, examples, of_file, picture
from stream.config import Config
from stream.errors import UsageError
from stream.experiments.definition import load_experiment
from stream.kafka.admin import check
from stream.simulation.fit import fitted
from stream.simulation.live import OverKafka
from stream.simulation.shop import START, Run, engine_runs, paced, report, runs, serve, trial_of

DEFAULT = ("ranked", "disagreement", "sarsa", "q_learning", "round_robin", "random_source", "oracle")
COLUMNS = ("reward", "caused", "expected", "last_quarter", "after_drift")


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    world: str
    policies: tuple[str, ...]
    seeds: int
    decisions: int
    tastes: Source | None
    engine: bool
    live: bool
    experiment: Path | None
    rate: float  # decisions per second
    plot: Path | None
    as_json: bool


@click.command(
    epilog=examples(
        "headwater simulate",
        "headwater simulate --world strong --seeds 10 --decisions 60000 --plot curves.png",
        "headwater simulate --engine --policy ranked --policy disagreement --seeds 2 --decisions 5000",
        "headwater simulate --live --rate 200 --decisions 20000",
    )
)
@click.option(
    "--world", type=click.Choice(list(SETTINGS)), default="state", show_default=True,
    help="; ".join(f"{name}: {setting.about}" for name, setting in SETTINGS.items()) + ".",
)  # fmt: skip
@click.option(
    "--policy", "policies", multiple=True, metavar="NAME",
    help=f"{', '.join(POLICIES)}; or a reference: {', '.join(REFERENCES[:3])}, 'fixed: SOURCE'; repeatable.",
)  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Shops to run each policy in.")
@click.option("--decisions", type=click.IntRange(100), default=20_000, show_default=True, help="Length of each run.")
@click.option(
    "--tastes", type=click.Path(exists=True, path_type=Path), metavar="FILE",
    help="Fit tastes, items and habits to a file of events with categories.  [default: generate them]",
)  # fmt: skip
@click.option("--engine", is_flag=True, help="Run the whole engine in process: its own sources, ranking and policy.")
@click.option("--live", is_flag=True, help="Use the workers behind Kafka: shoppers read slates and send events there.")
@click.option(
    "--experiment", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="With --engine: run this experiment on the shoppers, and print its results.",
)  # fmt: skip
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=100.0, show_default=True,
              help="With --live: decisions per second.")  # fmt: skip
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw reward over time, .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@configured
@of_file("tastes")
@collected(Options)
def command(config: Config, options: Options) -> None:
    """Compare policies on simulated shoppers, whose tastes are known.

    Shoppers have tastes, sessions with a hidden intent, and scan a slate from the top; half way tastes drift. What a
    slate would bring is known, and so is the best slate (oracle). "Gain" is against always showing the ranking, paired
    by seed. The same seed gives the same run. docs/simulate.md describes the shop.
    """
    if options.engine and options.live:
        raise UsageError("--engine and --live exclude each other: in process, or behind Kafka")
    if options.experiment is not None and (not options.engine or options.policies):
        raise UsageError("--experiment: needs --engine, and no --policy, since its variants name their policies")
    draw = None if options.plot is None else picture(options.plot, "draw_rewards")
    tastes = None if options.tastes is None else _fitted(options.tastes, config.policy.seed)
    if options.experiment is not None:
        experiment = load_experiment(options.experiment, START, config)
        tally = trial_of(SETTINGS[options.world], experiment, options.decisions, config, tastes)
        results = experiment_status.report(tally)
        if options.as_json:
            click.echo(orjson.dumps(results, option=orjson.OPT_INDENT_2))
        else:
            experiment_status.show(results, Console())
        return
    found = report(_live(config, options, tastes) if options.live else _in_process(config, options, tastes))
    if draw is not None:
        draw({name: values["curve"] for name, values in found["policies"].items()}, options.decisions, options.plot)
    if options.as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
    else:
        _print(found, options.world)


def _fitted(source: Source, seed: str) -> Tastes:
    with source.entries() as entries:
        tastes = fitted(list(entries), seed)
    if len(tastes.taste) <= SESSIONS:
        raise UsageError(f"--tastes: the file must hold more than {SESSIONS} users; got {len(tastes.taste)}")
    return tastes


def _in_process(config: Config, options: Options, tastes: Tastes | None) -> list[Run]:
    names = options.policies or (("ranked", config.policy.name) if options.engine else DEFAULT)
    known = [*POLICIES] if options.engine else [*POLICIES, *REFERENCES]
    for name in names:
        if name not in known:
            raise UsageError(f"--policy {name}: must be one of {', '.join(known)}")
    setting, seeds, decisions = SETTINGS[options.world], options.seeds, options.decisions
    each = (
        engine_runs(setting, names, seeds, decisions, config, tastes) if options.engine
        else runs(setting, names, seeds, decisions, config.policy.seed, tastes, config.policy.discount)
    )  # fmt: skip
    return _watched(each, len(names) * seeds)


def _watched(each: Iterator[Run], total: int) -> list[Run]:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        return list(progress.track(each, total=total, description="runs"))


def _live(config: Config, options: Options, tastes: Tastes | None) -> list[Run]:
    check(config.kafka)
    seed = config.policy.seed
    console = Console(stderr=True)
    with (
        OverKafka(config.kafka) as served,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("decisions", total=options.decisions)
        shop = Shop(SETTINGS[options.world], seed, options.decisions, tastes)
        trial = serve(shop, served, f"shopper-{seed}", paced(options.rate), lambda: progress.advance(task))
    return [Run("live", 0, trial)]


def _print(results: Mapping[str, Any], world: str) -> None:
    size = f"{results['decisions']:,} decisions, {results['seeds']} seeds"
    table = Table(title=f"{world}: {size}; reward per decision, gain in %")
    for column in ("policy", *COLUMNS, "hit rate", "regret"):
        table.add_column(column.replace("_", " "), no_wrap=column == "policy")
    for name, found in results["policies"].items():
        cells = []
        for column in COLUMNS:
            gain = found.get(f"{column}_gain_percent")
            cells.append(f"{found[column][0]:.3f}" + ("" if gain is None else f"\n{gain[0]:+.1f} ±{gain[1]:.1f}"))
        table.add_row(name, *cells, f"{found['hit_rate'][0]:.3f}", f"{found['regret'][0]:.3f}")
    Console().print(table)
