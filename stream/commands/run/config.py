"""`headwater config`."""

import click

from stream.commands.options import configured, examples
from stream.config import Config, to_toml


@click.command(
    epilog=examples(
        "headwater config > headwater.toml",
        "HEADWATER_SLATE_SLOTS=10 headwater config",
        "headwater --config headwater.toml worker",
    )
)
@configured
def command(config: Config) -> None:
    """Print every setting with its meaning and value, as TOML.

    The settings in effect are those of the environment, then of the file of --config, then the defaults. In the
    environment, key `slots` of section `slate` is HEADWATER_SLATE_SLOTS. Passwords are masked.
    """
    click.echo(to_toml(config))
