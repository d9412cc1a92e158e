"""How many workers, partitions and brokers for a stream: the table of docs/scaling.md, from what was measured.

    python benchmarks/scaling.py --own-us 90 --fold-us 35 --log-bytes 450 --slate-bytes 2190 --slates 0.13

Every worker folds the whole log (`fold_us` for each event of all) and takes in its share of the events (`own_us`), so

    workers(R) = own_us * R / (busy - fold_us * R)        with times in seconds

which ends where fold_us * R = busy: nothing is left for events. Half of that is where a second log is worth more than
further workers; it needs its own topics (a namespace), so tenants or segments of users learn apart from there on.
"""

import math
from typing import NamedTuple

import click

BUSY = 0.7  # of a core: what is left is for peaks
BASE_MB, ITEM_KB, USER_KB = 500, 2.0, 1.45
ITEMS = 100_000
USERS_PER_RATE = 100  # known users for one event a second
# Of one broker, in MB/s: what its network and disk are asked for. Every log and every slate is kept three times.
BROKER_OUT, BROKER_IN, COPIES = 500.0, 100.0, 3


class Plan(NamedTuple):
    """What a stream needs."""

    rate: float  # events per second, all together
    logs: int
    workers: int  # all together, of one core each
    partitions: int  # of each input topic of one log
    log_mb_s: float  # written to one log
    out_mb_s: float  # read by all workers from all logs
    brokers: int
    worker_gb: float  # memory of one worker


def plan(rate: float, own_us: float, fold_us: float, log_bytes: float, slate_bytes: float) -> Plan:
    """The least that keeps up."""
    own, fold = own_us * 1e-6, fold_us * 1e-6
    logs = math.ceil(rate / (BUSY / 2 / fold))
    each = rate / logs
    workers = math.ceil(own * each / (BUSY - fold * each))
    log_mb_s = each * log_bytes / 1e6
    out_mb_s = logs * workers * log_mb_s
    in_mb_s = COPIES * (logs * log_mb_s + rate * slate_bytes / 1e6)
    brokers = max(3, math.ceil(out_mb_s / BROKER_OUT), math.ceil(in_mb_s / BROKER_IN))
    users = USERS_PER_RATE * rate / logs / workers
    worker_gb = (BASE_MB * 1e3 + ITEMS * ITEM_KB + users * USER_KB) / 1e6
    partitions = max(8, 4 * workers)  # so that shares are even to a quarter
    return Plan(rate, logs, logs * workers, partitions, log_mb_s, out_mb_s, brokers, worker_gb)


@click.command()
@click.option("--own-us", type=float, required=True, help="Of a worker's core for an event that it takes in.")
@click.option("--fold-us", type=float, required=True, help="Of every worker's core for every event: fold/records.")
@click.option("--log-bytes", type=float, required=True, help="An event.")
@click.option("--slate-bytes", type=float, required=True, help="A slate, as published.")
@click.option("--slates", type=float, required=True, help="Slates for one event: 1, or fewer if they are deferred.")
@click.option("--rate", "rates", type=float, multiple=True, default=(1e4, 1e5, 1e6), show_default=True)
def main(
    own_us: float, fold_us: float, log_bytes: float, slate_bytes: float, slates: float, rates: tuple[float, ...]
) -> None:  # fmt: skip
    """Print the table as Markdown."""
    click.echo(
        "| events/s | logs | workers | partitions a topic | MB/s into a log | MB/s out of all | brokers | GB a worker |"
    )
    click.echo("| --- " * 8 + "|")
    for rate in rates:
        found = plan(rate, own_us, fold_us, log_bytes, slates * slate_bytes)
        click.echo(
            f"| {found.rate:,.0f} | {found.logs} | {found.workers:,} | {found.partitions} | {found.log_mb_s:,.1f} | "
            f"{found.out_mb_s:,.0f} | {found.brokers:,} | {found.worker_gb:.1f} |"
        )


if __name__ == "__main__":
    main()
