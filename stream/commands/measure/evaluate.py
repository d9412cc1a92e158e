"""`headwater evaluate`."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from stream.commands.options import Source, collected, configured, examples, of_file, picture, resamples_option
from stream.config import Config
from stream.datasets.readers import ratings
from stream.errors import CheckError, UsageError
from stream.evaluation.baselines import ALL
from stream.evaluation.prequential import Entry, Evaluation
from stream.evaluation.protocol import Among, Grouping, Lists, Protocol, Scope, first_events
from stream.evaluation.ratings import RATERS
from stream.evaluation.tables import print_report
from stream.records.times import seconds


class Time(click.ParamType):
    """Unix seconds (or another unit, told by its size) or ISO 8601."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return unix seconds."""
        try:
            return seconds(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    file: Source
    learners: tuple[str, ...]
    ks: tuple[int, ...]
    lists: Lists
    refreshes: float
    train_fraction: float
    train_until: float | None  # unix seconds
    freeze: bool
    by: Grouping
    known_items: bool
    candidates: Scope
    rerank: Among | None
    of: int
    compare: tuple[tuple[str, str], ...]
    resamples: int
    plot: Path | None
    timing: bool
    limit: int | None
    as_json: bool

    @property
    def protocol(self) -> Protocol:
        """How to measure."""
        return Protocol(
            ks=tuple(sorted(set(self.ks))), lists=self.lists, train_fraction=self.train_fraction,
            train_until=self.train_until, freeze=self.freeze, by=self.by, known_items=self.known_items,
            refreshes=self.refreshes, candidates=self.candidates, rerank=self.rerank, of=self.of,
        )  # fmt: skip


@click.command(
    epilog=examples(
        "headwater evaluate events.csv",
        "headwater evaluate deploy/demo/movielens-latest-small --train-fraction 0.2 --learner all",
        "headwater evaluate events.csv --learner covisitation --compare covisitation popularity --plot curve.png",
        "headwater evaluate sessions.csv --by session --train-until 2015-09-16 --freeze --known-items --k 20",
        "HEADWATER_POLICY_NAME=ranked headwater evaluate events.csv --lists fresh --json",
    )
)
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--learner", "learners", metavar="NAME", multiple=True,
    help=f"A single learner beside the engine and popularity, or `{ALL}`; repeatable.",
)  # fmt: skip
@click.option(
    "--k", "ks", type=click.IntRange(1, 40), multiple=True, default=(1, 5, 10, 20), show_default=True,
    help="List length; repeatable.",
)  # fmt: skip
@click.option(
    "--lists", type=click.Choice(get_args(Lists)), default="published", show_default=True,
    help="published: as made after the user's previous event; refreshed: the same, but old lists are refreshed as the "
    "worker does it; asked: as made when the event arrives, as if its user had just asked for it, and learned as such; "
    "fresh: the same to be measured alone, while published ones are served.",
)  # fmt: skip
@click.option(
    "--refreshes", type=click.FloatRange(0), default=1.0, show_default=True,
    help="With --lists refreshed: how many lists may be refreshed per event; settings `slate.refresh_*` say which.",
)  # fmt: skip
@click.option(
    "--train-fraction", type=click.FloatRange(0, 1, max_open=True), default=0.0,
    help="Share of the events that are learned first, without being measured.",
)  # fmt: skip
@click.option("--train-until", type=Time(), help="The same, as a time: unix seconds or ISO 8601.")
@click.option("--freeze", is_flag=True, help="Measure without learning; lists are fresh.")
@click.option(
    "--by", type=click.Choice(get_args(Grouping)), default="user", show_default=True,
    help="session: every session is a user of its own, without a past, and is trained or tested as a whole.",
)  # fmt: skip
@click.option("--known-items", is_flag=True, help="Measure only events on items that the training contains.")
@click.option(
    "--candidates", type=click.Choice(get_args(Scope)), default="all", show_default=True,
    help="novel: list and measure only items that are new to the user.",
)  # fmt: skip
@click.option(
    "--rerank", type=click.Choice(get_args(Among)),
    help="Rank the item taken among others, too, and say where it stood before and after: random ones in random order, "
    "or popular ones by popularity.",
)  # fmt: skip
@click.option(
    "--of", type=click.IntRange(2, 100), default=25, show_default=True, help="With --rerank: items of a list."
)
@click.option(
    "--compare", nargs=2, metavar="A B", multiple=True,
    help="Test two learners against each other; repeatable.  [default: the engine and each of the others]",
)  # fmt: skip
@resamples_option
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw quality over time, .png or .svg.")
@click.option("--timing", is_flag=True, help="Report the time per learn and query; then two reports differ.")
@click.option("--limit", type=click.IntRange(1), help="Only the first events.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@configured
@of_file()
@collected(Options)
def command(config: Config, options: Options) -> None:
    """Measure recommendations on a file of events, without Kafka.

    Test, then learn: each event is first looked up in the list that its user had, then learned, by the same engine and
    the same fold as in the worker. FILE is CSV with the columns user_id,item_id,event,timestamp[,session_id], where
    event is view, click or purchase; or another format; or any table or JSON whose columns --columns names. The same
    file and seed give the same bytes.
    """
    protocol, file = options.protocol, options.file
    _check(protocol)
    draw = None if options.plot is None else picture(options.plot, "draw")
    with file.entries() as found:
        entries = first_events(found, options.limit)
    rated = ratings(file.file, file.how) if {ALL, *RATERS} & set(options.learners) else {}
    evaluation = Evaluation(
        config, protocol, learners=options.learners, ratings=rated, resamples=options.resamples,
        compare=options.compare, clock=time.perf_counter if options.timing else None,
    )  # fmt: skip
    _run(evaluation, entries)
    report = evaluation.report()
    if not report["steps"]:
        raise CheckError(f"{file.file}: {_nothing(len(entries), protocol)}")
    if draw is not None:
        draw(report["curve"], options.plot)
    if options.as_json:
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))
    else:
        print_report(cast("dict[str, Any]", report), Console())


def _check(protocol: Protocol) -> None:
    """Refuse options that contradict each other."""
    trained = protocol.train_until is not None or protocol.train_fraction > 0
    if protocol.train_until is not None and protocol.train_fraction > 0:
        raise UsageError("--train-until and --train-fraction both say where the training ends: give one of them")
    for option, given in (("--freeze", protocol.freeze), ("--known-items", protocol.known_items)):
        if given and not trained:
            raise UsageError(f"{option} needs a training: give its end by --train-until or --train-fraction")


def _run(evaluation: Evaluation, entries: list[Entry]) -> None:
    total = sum(isinstance(entry, tuple) for entry in entries)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("test, then learn", total=total)
        for done in evaluation.advance(entries):
            if done % 256 == 0:
                progress.update(task, completed=done)


def _nothing(entries: int, protocol: Protocol) -> str:
    """Why no step was measured."""
    if not entries:
        return "holds no event"
    what = "session" if protocol.by == "session" else "user"
    hints = ["give a shorter training"] if protocol.train_fraction or protocol.train_until is not None else []
    hints += ["measure unknown items too (without --known-items)"] if protocol.known_items else []
    hints += ["measure repeats too (without --candidates novel)"] if protocol.candidates == "novel" else []
    hints += ["measure --by user"] if what == "session" else []
    advice = f"; {', or '.join(hints)}" if hints else ""
    return f"no step was measured: one is an event of a {what} with an earlier event, after the training{advice}"
