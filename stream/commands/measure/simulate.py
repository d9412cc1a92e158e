"""`headwater simulate`."""

from collections.abc import Iterator, Mapping
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
from stream.client.experiment_status import report as tell
from stream.client.experiment_status import show
from stream.commands.options import configured, examples, picture
from stream.config import Config
from stream.datasets.readers import guess, read
from stream.errors import UsageError
from stream.experiments.definition import load_experiment
from stream.kafka.admin import check
from stream.records.schemas import Experiment
from stream.simulation.fit import fitted
from stream.simulation.live import OverKafka
from stream.simulation.shop import START, Run, engine_runs, paced, report, runs, serve, trial_of

DEFAULT = ("ranked", "disagreement", "sarsa", "q_learning", "round_robin", "random_source", "oracle")
COLUMNS = ("reward", "caused", "expected", "last_quarter", "after_drift")


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
    help=f"Repeatable: {', '.join(POLICIES)}; or a reference: {', '.join(REFERENCES[:3])}, 'fixed: SOURCE'.",
)  # fmt: skip
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="Shops to run it in.")
@click.option("--decisions", type=click.IntRange(100), default=20_000, show_default=True, help="Of each run.")
@click.option(
    "--tastes", type=click.Path(exists=True, path_type=Path), metavar="FILE",
    help="Fit tastes, items and habits to a file of events with categories; else they are generated.",
)  # fmt: skip
@click.option("--engine", is_flag=True, help="The whole engine in process: its own sources, ranking and policy.")
@click.option("--live", is_flag=True, help="Workers behind Kafka: shoppers read slates there and answer with events.")
@click.option(
    "--experiment", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="With --engine: run this experiment on the shoppers, and say what it showed.",
)  # fmt: skip
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=100.0, show_default=True, help="With --live.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw reward over time, .png or .svg.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@configured
def command(
    config: Config, world: str, policies: tuple[str, ...], seeds: int, decisions: int, tastes: Path | None,
    engine: bool, live: bool, file: Path | None, rate: float, plot: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Let simulated shoppers judge policies, with the truth at hand.

    Shoppers have tastes, sessions with a hidden intent, and eyes that scan from the top; half way tastes drift. What a
    slate would bring is known, and so is the best slate (oracle). "Gain" is against always showing the ranking, paired
    by seed. The same seed gives the same run. docs/simulate.md describes the shop.
    """
    if engine and live:
        raise UsageError("--engine and --live exclude each other: in process, or behind Kafka")
    if file is not None and (not engine or policies):
        raise UsageError("--experiment: goes with --engine, and without --policy, which its variants say")
    draw = None if plot is None else picture(plot, "draw_rewards")
    who = None if tastes is None else fitted(list(read(tastes, guess(tastes))), config.policy.seed)
    if who is not None and len(who.taste) <= SESSIONS:
        raise UsageError(f"--tastes: the file must hold more than {SESSIONS} users; got {len(who.taste)}")
    if file is not None:
        _experiment(config, load_experiment(file, START, config), world, decisions, who, as_json=as_json)
        return
    if live:
        found = _live(config, world, decisions, rate, who)
    else:
        names = policies or (("ranked", config.policy.name) if engine else DEFAULT)
        _check(names, engine=engine)
        setting = SETTINGS[world]
        each = (
            engine_runs(setting, names, seeds, decisions, config, who) if engine
            else runs(setting, names, seeds, decisions, config.policy.seed, who, config.policy.discount)
        )  # fmt: skip
        found = _watched(each, len(names) * seeds)
    told = report(found)
    if draw is not None and plot is not None:
        draw({name: values["curve"] for name, values in told["policies"].items()}, decisions, plot)
    if as_json:
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        _print(told, world)


def _experiment(
    config: Config, experiment: Experiment, world: str, decisions: int, who: Tastes | None, *, as_json: bool
) -> None:
    told = tell(trial_of(SETTINGS[world], experiment, decisions, config, who))
    if as_json:
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        show(told, Console())


def _check(names: tuple[str, ...], *, engine: bool) -> None:
    known = [*POLICIES] if engine else [*POLICIES, *REFERENCES]
    for name in names:
        if name not in known:
            raise UsageError(f"--policy {name}: must be one of {', '.join(known)}")


def _watched(each: Iterator[Run], total: int) -> list[Run]:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        return list(progress.track(each, total=total, description="runs"))


def _live(config: Config, world: str, decisions: int, rate: float, who: Tastes | None) -> list[Run]:
    check(config.kafka)
    seed = config.policy.seed
    console = Console(stderr=True)
    with (
        OverKafka(config.kafka) as served,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("decisions", total=decisions)
        shop = Shop(SETTINGS[world], seed, decisions, who)
        trial = serve(shop, served, f"shopper-{seed}", paced(rate), lambda: progress.advance(task))
    return [Run("live", 0, trial)]


def _print(told: Mapping[str, Any], world: str) -> None:
    table = Table(
        title=f"{world}: {told['decisions']:,} decisions, {told['seeds']} seeds; reward a decision, gain in %"
    )
    for column in ("policy", *COLUMNS, "hit rate", "regret"):
        table.add_column(column.replace("_", " "), no_wrap=column == "policy")
    for name, found in told["policies"].items():
        cells = []
        for column in COLUMNS:
            gain = found.get(f"{column}_gain_percent")
            cells.append(f"{found[column][0]:.3f}" + ("" if gain is None else f"\n{gain[0]:+.1f} ±{gain[1]:.1f}"))
        table.add_row(name, *cells, f"{found['hit_rate'][0]:.3f}", f"{found['regret'][0]:.3f}")
    Console().print(table)
