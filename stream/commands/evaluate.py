"""`headwater evaluate`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import orjson
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stream.config import Config
from stream.evaluate import Entry, Evaluation, Lists
from stream.formats import FORMATS, read
from stream.options import configured, examples

MEASURES = ("hit_rate", "mrr", "ndcg", "precision")
PARTS = {"new": "new to the user", "seen": "seen before"}


@click.command(
    epilog=examples(
        "headwater evaluate events.csv",
        "headwater evaluate deploy/demo/movielens-latest-small --format movielens --train-fraction 0.2",
        "headwater evaluate events.csv --lists fresh --k 10 --k 20 --json",
        "HEADWATER_POLICY_NAME=ranked headwater evaluate events.csv",
    )
)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Guessed from the file if not given.")
@click.option(
    "--k", "ks", type=click.IntRange(1, 40), multiple=True, default=(1, 5, 10, 20), show_default=True,
    help="List length; repeatable.",
)  # fmt: skip
@click.option(
    "--lists", type=click.Choice(get_args(Lists)), default="published", show_default=True,
    help="published: as made after the user's event before; "
    "refreshed: the same, but old ones are made anew as the worker does; "
    "fresh: as made when the event arrives.",
)  # fmt: skip
@click.option(
    "--refreshes", type=click.FloatRange(0), default=1.0, show_default=True,
    help="With --lists refreshed: so many lists can be made anew per event; settings `slate.refresh_*` say which.",
)  # fmt: skip
@click.option(
    "--train-fraction", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True,
    help="Share of the events that is learned first, without being measured.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Only the first events.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@configured
def command(
    config: Config, file: Path, format_: str | None, ks: tuple[int, ...], lists: Lists, refreshes: float,
    train_fraction: float, limit: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Measure recommendations on a file of events, without Kafka.

    Test, then learn: each event is first looked up in the list that its user had, then learned, by the same engine and
    the same fold as in the worker. FILE is CSV with the columns user_id,item_id,event,timestamp[,session_id], where
    event is view, click or purchase; or one of the other formats. The same file and seed give the same bytes.
    """
    entries = list(_first(limit, read(file, format_)))
    total = sum(isinstance(entry, tuple) for entry in entries)
    evaluation = Evaluation(config, tuple(sorted(set(ks))), lists, int(train_fraction * total), refreshes)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("test, then learn", total=total)
        for done in evaluation.advance(entries):
            if done % 256 == 0:
                progress.update(task, completed=done)
    report = evaluation.report()
    if as_json:
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    else:
        _print(report, sorted(set(ks)))


def _first(limit: int | None, entries: Iterator[Entry]) -> Iterator[Entry]:
    events = 0
    for entry in entries:
        events += isinstance(entry, tuple)
        if limit is not None and events > limit:
            return
        yield entry


def _print(report: dict[str, Any], ks: list[int]) -> None:
    console = Console()
    console.print(
        f"{report['events']:,} events, {report['steps']:,} measured steps, {report['known_items']:,} items; "
        f"{report['lists']} lists, {report['mean_list_age_s']:,.0f} s old on average, policy {report['policy']}"
    )
    table = Table("", *MEASURES)
    for k in ks:
        for learner, scores in report["learners"].items():
            table.add_row(f"{learner} @{k}", *(f"{scores[f'{name}@{k}']:.4f}" for name in MEASURES))
        table.add_section()
    for learner, scores in report["learners"].items():
        for part in ("new", "seen"):
            values = (f"{scores[part][f'{name}@{ks[-1]}']:.4f}" for name in MEASURES)
            table.add_row(f"{learner} @{ks[-1]}, items {PARTS[part]}", *values)
    console.print(table)
    table = Table("", "coverage", "reward per step")
    for learner, scores in report["learners"].items():
        table.add_row(learner, f"{scores['coverage']:.4f}", f"{scores['reward_per_step']:.4f}")
    console.print(table)
    table = Table("source", "share of slots", "hit rate of its slots")
    for source, values in report["sources"].items():
        table.add_row(source, f"{values['share']:.4f}", f"{values['hit_rate']:.4f}")
    console.print(table)
