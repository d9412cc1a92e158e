"""`headwater chaos`."""

import logging
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import click
import orjson
from rich.console import Console
from rich.table import Table

from stream.chaos.fleet import Settings
from stream.chaos.results import Result
from stream.chaos.run import run
from stream.commands.options import configured, examples
from stream.config import Config
from stream.errors import CheckError


@click.command(
    epilog=examples(
        "headwater chaos",
        "headwater chaos --seed 7 --minutes 30",
        "headwater chaos --minutes 5 --workers 4 --rate 500 --json",
    )
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the faults and the events.")
@click.option("--minutes", type=click.FloatRange(0.1), default=1, show_default=True, help="Of faults; from 2 on, the "
              "broker is killed too.")  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--rate", type=click.FloatRange(1, 20_000), default=1000, show_default=True, help="Events per second.")
@click.option("--static", is_flag=True, help="Static membership: each worker has a `kafka.instance_id`.")
@click.option("--logs", type=click.Path(path_type=Path), metavar="DIR", help="Keep the workers' logs there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def command(
    config: Config,
    seed: int,
    minutes: float,
    workers: int,
    rate: float,
    logs: Path | None,
    *,
    static: bool,
    as_json: bool,
) -> None:
    """Kill workers and the broker at random; check exactly-once.

    Starts a Kafka and workers of its own, sends them a steady stream of events, and kills, ends and pauses them in an
    order drawn from the seed. Meanwhile it audits headwater.log. At the end every acknowledged event must have been
    accepted exactly once, all models and users must equal those of an uninterrupted fold of the log, and no event may
    have waited longer than the faults explain: a session time-out and the longest restart of the run for each.
    """
    logging.disable(logging.CRITICAL)  # clients log that they do not find the broker, which is expected
    signal.signal(signal.SIGTERM, _end)
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
    started, progress = time.monotonic(), Console(stderr=True)

    def report(text: str) -> None:
        progress.print(f"{time.monotonic() - started:7.1f} s  {text}", highlight=False)

    result = run(config, Settings(seed, minutes * 60, workers, rate, static), report, logs=logs)
    if as_json:
        click.echo(orjson.dumps(_plain(result)))
    else:
        _show(Console(), result)
    if not result.good:
        raise CheckError(f"no event may be lost, doubled or late, and no model may differ: {_verdict(result)}")


def _plain(result: Result) -> dict[str, object]:
    fields = result._asdict() | {"good": result.good, "settings": result.settings._asdict()}
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


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _verdict(result: Result) -> str:
    differing = len(result.workers_equal) - sum(result.workers_equal)
    broken = [f"{name}: {times}" for name, times in result.broken.items()]
    counts = {
        "lost": result.lost,
        "doubled": result.doubled,
        "models differing": differing,
        "too late": result.too_long,
    }
    return ", ".join([*(f"{name}: {count}" for name, count in counts.items()), *broken])


def _end(signal_number: int, frame: FrameType | None) -> None:
    sys.exit(128 + signal_number)
