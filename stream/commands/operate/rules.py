"""`headwater rules`."""

from pathlib import Path

import click

from stream.commands.options import examples
from stream.errors import UsageError
from stream.records.numbers import number
from stream.records.schemas import Scalar
from stream.rules.describe import in_words
from stream.rules.file import load_rules


@click.group(
    epilog=examples(
        "headwater rules check rules.toml",
        "headwater rules check rules.toml --user country=NL --user age=17",
    )
)
def command() -> None:
    """Read a rules file and say what it means.

    Rules (caps, pins, boosts, exclusions, eligibility, diversity) are described in docs/rules.md. Workers read the file
    named by `slate.rules` when they start.
    """


@command.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--user", "given", metavar="ATTR=VALUE", multiple=True, help="An attribute of a sample user; repeatable.")
def check(file: Path, given: tuple[str, ...]) -> None:
    """Print in words what FILE means; exit code 2 if it cannot be used.

    With --user, also which rules apply to them: values that look like numbers, true or false are read as such.
    """
    lines = list(in_words(load_rules(str(file)), dict(map(_attribute, given)) if given else None))
    click.echo(f"{file}: {len(lines)} rule{'s' * (len(lines) != 1)}")
    for line in lines:
        click.echo(f"  {line}")


def _attribute(text: str) -> tuple[str, Scalar]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UsageError(f"--user: must be ATTR=VALUE such as country=NL; got {text!r}")
    return name.removeprefix("attributes."), _scalar(value)


def _scalar(text: str) -> Scalar:
    if text in ("true", "false"):
        return text == "true"
    try:
        return number(text)
    except ValueError:
        return text
