"""`headwater watch`."""

from collections.abc import Iterator
from contextlib import closing

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from stream.client.slates import Refresh
from stream.client.watch import Watcher, detail, line, overview
from stream.commands.options import Id, configured, examples
from stream.config import Config

FRAME_LINES = 6  # of the screen, around the rows


@click.command(
    epilog=examples(
        "headwater watch",
        "headwater watch --user u42",
        "headwater watch --limit 100 > slates.txt    # one line a slate",
    )
)
@click.option("--user", type=Id(), help="Only this user, slot by slot, from the newest slate on.")
@click.option("--limit", type=click.IntRange(1), help="End after so many slates.")
@configured
def command(config: Config, user: str | None, limit: int | None) -> None:
    """Watch recommendations arrive, with titles.

    Each slot shows the source that filled it and its propensity: the probability that the policy put this item there.
    Without a terminal, prints one line per slate. Ends on Ctrl-C.
    """
    console = Console()
    with closing(Watcher(config.kafka, user)) as watcher:
        if not console.is_terminal:
            for shown in _arrivals(watcher, limit):
                for refresh in shown:
                    click.echo(line(watcher.current(refresh), watcher.titles))
            return
        with Live("waiting for recommendations", console=console, auto_refresh=False) as live:
            newest: Refresh | None = None
            for shown in _arrivals(watcher, limit):
                newest = shown[-1] if shown else newest
                if newest is not None:  # again without news: the catalogue may have withdrawn an item
                    live.update(_table(watcher, newest, console.height - FRAME_LINES), refresh=True)


def _arrivals(watcher: Watcher, limit: int | None) -> Iterator[list[Refresh]]:
    """Slates that are there already, then those that arrive, up to the limit."""
    shown, seen = list(watcher.slates.newest.values()), 0
    while True:
        shown = shown if limit is None else shown[: limit - seen]
        seen += len(shown)
        yield shown
        if seen == limit:
            return
        shown = watcher.poll()


def _table(watcher: Watcher, newest: Refresh, rows: int) -> Table:
    if watcher.user is None:
        return overview(watcher.slates, watcher.titles, rows)
    return detail(watcher.current(newest), watcher.titles)
