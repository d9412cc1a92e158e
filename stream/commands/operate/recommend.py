"""`headwater recommend`."""

from contextlib import closing

import click
import msgspec
import orjson
from rich.console import Console

from stream.client.slates import Refresh, Titles, withdrawn_from
from stream.client.watch import Watcher, detail
from stream.commands.options import Id, configured, examples
from stream.config import Config
from stream.errors import CheckError


@click.command(
    epilog=examples(
        "headwater recommend u42",
        "headwater recommend u42 --json | jq -r '.slots[].title'",
    )
)
@click.argument("user", type=Id())
@click.option("--json", "as_json", is_flag=True, help="Print the record, with titles and those left out (withdrawn).")
@configured
def command(config: Config, user: str, *, as_json: bool) -> None:
    """Print the newest slate of one user.

    It is read from the user's partition of the topic `recommendations`. Items that were removed, became unavailable or
    expired since are left out, and the places filled with what others are shown most: source `fill`, no propensity.
    Exit code 1 if there is no slate.
    """
    with closing(Watcher(config.kafka, user)) as watcher:
        refresh = watcher.slates.newest.get(user)
        if refresh is None:
            raise CheckError(
                f"no slate was published for user {user!r}: is the worker running, has the user done anything?"
            )
        gone = withdrawn_from(refresh.slate, watcher.titles.withheld)
        refresh = watcher.current(refresh)
        if as_json:
            click.echo(orjson.dumps(_with_titles(refresh, watcher.titles, gone), option=orjson.OPT_INDENT_2))
            return
        Console().print(detail(refresh, watcher.titles))
        if gone:
            click.echo(f"left out, for they were withdrawn since: {', '.join(gone)}")


def _with_titles(refresh: Refresh, titles: Titles, gone: list[str]) -> dict[str, object]:
    record: dict[str, object] = msgspec.to_builtins(refresh.slate)
    slots = [msgspec.to_builtins(slot) | {"title": titles[slot.item_id]} for slot in refresh.slate.slots]
    return record | {"slots": slots, "withdrawn": gone}
