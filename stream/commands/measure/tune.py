"""`headwater tune`."""

import importlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stream.commands.options import Source, collected, configured, examples, of_file
from stream.config import Config
from stream.errors import UsageError
from stream.evaluation.protocol import first_events


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    file: Source
    prefix: int
    train_fraction: float
    measure: str
    trials: int
    minutes: float | None
    names: tuple[str, ...]
    out: Path


@click.command(
    epilog=examples(
        "headwater tune events.csv --trials 30 --out tuned.toml && headwater worker --config tuned.toml",
        "headwater tune events.csv --prefix 20000 --minutes 10 --measure hit_rate@10",
        "headwater tune events.csv --setting ranking.learning_rate=0.01:0.5 --setting sources.popularity_half_life",
    )
)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--prefix", type=click.IntRange(2), default=10_000, show_default=True, help="Use only the first so many events."
)
@click.option(
    "--train-fraction", type=click.FloatRange(0, 1, max_open=True), default=0.2, show_default=True,
    help="Share of them that are learned first, without being measured.",
)  # fmt: skip
@click.option("--measure", default="mrr@20", show_default=True, help="What to maximise, as `evaluate --json` names it.")
@click.option("--trials", type=click.IntRange(1), default=20, show_default=True, help="Trial 0 is what is configured.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Begin no trial after so many minutes.")
@click.option(
    "--setting", "names", metavar="SECTION.KEY[=LOW:HIGH]", multiple=True,
    help="Search only this one; repeatable.  [default: all numbers of ranking and sources]",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("tuned.toml"), show_default=True,
    help="Where to write the best configuration.",
)  # fmt: skip
@configured
@of_file()
@collected(Options)
def command(config: Config, options: Options) -> None:
    """Search for better settings on the first events of a file.

    The best ones are written as TOML, which `headwater worker --config` reads. Each trial is a whole test-then-learn
    over the same events. The search is seeded: the same file, settings and number of trials give the same result.
    Settings that win on a short prefix need not win later: measure them with `headwater evaluate --config` on events
    that the search has not seen.
    """
    out, minutes = options.out, options.minutes
    if out.exists():
        raise UsageError(f"--out: {out} exists already; name another file, or remove it")
    tune = _tune()
    settings = tune.searchable(config, options.names)
    with options.file.entries() as found_entries:
        entries = first_events(found_entries, options.prefix)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("trials", total=options.trials)
        found = tune.search(
            config, entries, settings, measure=options.measure, trials=options.trials,
            train_fraction=options.train_fraction, seconds=None if minutes is None else 60 * minutes,
            on_trial=lambda _: progress.advance(task),
        )  # fmt: skip
    _print(found)
    out.write_text(tune.to_file(config, found))
    click.echo(f"written to {out}: headwater worker --config {out}")


def _tune() -> Any:
    """The module that needs Optuna."""
    try:
        return importlib.import_module("stream.evaluation.tune")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "optuna":
            raise
        raise UsageError("headwater tune needs Optuna: pip install 'headwater[tune]'") from error


def _print(found: Any) -> None:
    best, default = found.best, found.trials[0]
    table = Table("", f"configured, {found.measure} {default.value:.4f}", f"best, {best.value:.4f}")
    for setting in found.settings:
        table.add_row(setting.name, f"{default.values[setting.name]:g}", f"{best.values[setting.name]:g}")
    console = Console()
    console.print(table)
    last = ", ".join(f"{trial.value:.4f}" for trial in islice(reversed(found.trials), 5))
    console.print(f"{len(found.trials)} trials; the last ones reached {last}")
    if best.number == 0:
        console.print("no trial was better than what is configured")
