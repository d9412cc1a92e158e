"""`headwater chaos`."""

import logging
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import click
import msgspec
import orjson
from rich.console import Console
from rich.table import Table

from stream.chaos.fleet import Settings
from stream.chaos.requests import Requests
from stream.chaos.results import Result
from stream.chaos.run import run
from stream.commands.options import collected, configured, examples
from stream.config import Config
from stream.errors import CheckError


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    seed: int
    minutes: float
    workers: int
    rate: float
    requests: float
    logs: Path | None
    static: bool
    as_json: bool

    @property
    def settings(self) -> Settings:
        """Of the run."""
        return Settings(self.seed, self.minutes * 60, self.workers, self.rate, self.requests, self.static)


@click.command(
    epilog=examples(
        "headwater chaos",
        "headwater chaos --seed 7 --minutes 30",
        "headwater chaos --minutes 5 --workers 4 --rate 500 --requests 200 --json",
    )
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the faults and the events.")
@click.option("--minutes", type=click.FloatRange(0.1), default=1, show_default=True, help="Of faults; from 2 on, the "
              "broker is killed too.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--rate", type=click.FloatRange(1, 20_000), default=1000, show_default=True, help="Events per second.")
@click.option(
    "--requests", type=click.FloatRange(0, 5_000), default=50, show_default=True, help="For slates, per second."
)
@click.option("--static", is_flag=True, help="Static membership: each worker has a `kafka.instance_id`.")
@click.option("--logs", type=click.Path(path_type=Path), metavar="DIR", help="Keep the workers' logs there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
@collected(Options)
def command(config: Config, options: Options) -> None:
    """Kill workers and the broker at random; check exactly-once.

    Starts a Kafka and workers of its own, sends them a steady stream of events and of requests for slates, and kills,
    ends and pauses them in an order drawn from the seed. Meanwhile it audits headwater.log. At the end every
    acknowledged event must have been accepted exactly once, every request answered, decided at most once and its slate
    settled at most once, all models and users must equal those of an uninterrupted fold of the log, and nothing may
    have waited longer than the faults explain: a session time-out and the longest restart of the run for each.
    """
    logging.disable(logging.CRITICAL)  # clients log that they do not find the broker, which is expected
    signal.signal(signal.SIGTERM, _end)
    if options.logs is not None:
        options.logs.mkdir(parents=True, exist_ok=True)
    started, progress = time.monotonic(), Console(stderr=True)

    def report(text: str) -> None:
        progress.print(f"{time.monotonic() - started:7.1f} s  {text}", highlight=False)

    result = run(config, options.settings, report, logs=options.logs)
    if options.as_json:
        click.echo(orjson.dumps(_plain(result)))
    else:
        _show(Console(), result)
    if not result.good:
        raise CheckError(
            f"no event may be lost, doubled or late, no request unanswered, and no model may differ: {_verdict(result)}"
        )


def _plain(result: Result) -> dict[str, object]:
    requests = msgspec.to_builtins(result.requests)
    fields = result._asdict() | {"good": result.good, "settings": result.settings._asdict(), "requests": requests}
    faults, standstills = ([row._asdict() for row in rows] for rows in (result.faults, result.standstills))
    return fields | {"faults": faults, "standstills": standstills}


def _show(console: Console, result: Result) -> None:
    table = Table("fault", "times", "longest pause", "recovery, median", "recovery, max", title="faults")
    for row in result.faults:
        table.add_row(row.kind, str(row.times), *map(_seconds, row[2:]))
    console.print(table)
    table = Table("", "", title="events", show_header=False)
    for name in ("sent", "acknowledged", "lost", "doubled"):
        table.add_row(name, f"{getattr(result, name):,}")
    table.add_row("longest pause", _seconds(result.longest_pause_s))
    table.add_row("pauses beyond their limit", f"{result.too_long:,}")
    table.add_row("models equal", f"{sum(result.workers_equal)} of {len(result.workers_equal)}")
    table.add_row("laws broken", ", ".join(f"{name}: {times:,}" for name, times in result.broken.items()) or "none")
    table.add_row("headwater.log", ", ".join(f"{name}: {times:,}" for name, times in sorted(result.log.items())))
    console.print(table)
    console.print(_requests(result.requests))
    if result.standstills:
        table = Table("topic", "from", "pause", "limit", "faults, seconds from there", title="longest pauses")
        for each in result.standstills:
            table.add_row(
                each.where,
                _seconds(each.at_s),
                _seconds(each.length_s),
                _seconds(each.allowed_s),
                ", ".join(each.faults),
            )
        console.print(table)
    for remark in result.remarks:
        console.print(remark, highlight=False)


def _requests(requests: Requests) -> Table:
    table = Table("", "", title="requests", show_header=False)
    for name in ("sent", "acknowledged", "unanswered"):
        table.add_row(name, f"{getattr(requests, name):,}")
    table.add_row("answers", ", ".join(f"{name}: {times:,}" for name, times in sorted(requests.answers.items())))
    table.add_row("answered again by the next owner, or sent again", f"{requests.repeated:,}")
    table.add_row("slates in the log, settled so far", f"{requests.decided:,}, {requests.settled:,}")
    table.add_row("under way when a worker was killed", f"{requests.under_way:,}")
    table.add_row("longest wait", _seconds(requests.longest_wait_s))
    return table


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _verdict(result: Result) -> str:
    differing = len(result.workers_equal) - sum(result.workers_equal)
    broken = [f"{name}: {times}" for name, times in result.broken.items()]
    counts = {
        "lost": result.lost,
        "doubled": result.doubled,
        "unanswered": result.requests.unanswered,
        "models differing": differing,
        "too late": result.too_long,
    }
    return ", ".join([*(f"{name}: {count}" for name, count in counts.items()), *broken])


def _end(signal_number: int, frame: FrameType | None) -> None:
    sys.exit(128 + signal_number)
