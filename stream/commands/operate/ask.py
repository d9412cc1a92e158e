"""`headwater ask`."""

from contextlib import closing
from heapq import nsmallest
from itertools import chain

import click
import msgspec
import orjson
from rich.console import Console
from rich.table import Table

from stream.client.questions import Asker
from stream.commands.options import Id, configured, examples
from stream.config import Config
from stream.errors import CheckError, UsageError
from stream.records.questions.records import KINDS, MAX_LISTED, OF_ALL, OF_USERS, QuestionAnswer, QuestionKind


@click.command(
    epilog=examples(
        "headwater ask similar teapot",
        "headwater ask popular --category Tea -k 5",
        "headwater ask audience new-teapot -k 100 --json | jq -r '.users[].user_id'",
    )
)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("of", type=Id(), required=False)
@click.option("--category", help="Only items whose first category it is.")
@click.option("-k", type=click.IntRange(1, MAX_LISTED), default=10, show_default=True, help="Entries at most.")
@click.option(
    "--within", type=click.FloatRange(min=0.1, max=60), default=10.0, show_default=True, help="Seconds to wait."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@configured
def command(
    config: Config, kind: QuestionKind, of: str | None, *, category: str | None, k: int, within: float, as_json: bool
) -> None:
    """Ask the model for a list: similar items, popular ones, users.

    OF is the item, or the user for similar_users; popular, rising and latest have none. The workers answer, over the
    topics `requests` and `responses`; nothing is logged or learned. Exit code 1 if the model does not know the item
    or user, or nobody answers.
    """
    if (of is None) is not (kind in OF_ALL):
        raise UsageError(f"ask {kind}: " + (f"is of all items: leave {of!r} out" if of else "of what? Give its id"))
    if category is not None and kind not in OF_ALL:
        raise UsageError(f"ask {kind}: --category is for {', '.join(OF_ALL)}")
    with closing(Asker(config.kafka)) as asker:
        answers, partitions = asker.ask(kind, within, of=of, category=category, k=k), asker.partitions
    found = [answer for answer in answers if answer.status == "answered"]
    if not found:
        raise CheckError(answers[0].reason)
    if kind in OF_USERS and len(found) < partitions:
        click.echo(f"only {len(found)} of {partitions} partitions have answered", err=True)
    answer = _merged(found, k)
    click.echo(orjson.dumps(msgspec.to_builtins(answer), option=orjson.OPT_INDENT_2)) if as_json else _print(answer)


def _merged(answers: list[QuestionAnswer], k: int) -> QuestionAnswer:
    """One answer with the best users of all partitions."""
    users = chain.from_iterable(answer.users for answer in answers)
    best = nsmallest(k, users, key=lambda user: (-user.score, user.user_id))
    return msgspec.structs.replace(answers[0], users=best)


def _print(answer: QuestionAnswer) -> None:
    table = Table("item" if answer.items else "user", "score", "because of")
    for item in answer.items:
        table.add_row(item.item_id, f"{item.score:.4g}", item.because)
    for user in answer.users:
        table.add_row(user.user_id, f"{user.score:.4g}", user.through)
    if table.row_count:
        Console().print(table)
    else:
        click.echo("nothing")
