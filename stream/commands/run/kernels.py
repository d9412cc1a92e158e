"""`headwater kernels`."""

import click

from stream.commands.options import configured, examples
from stream.compiling.children import Compilation
from stream.config import Config
from stream.errors import CheckError


@click.command(epilog=examples("headwater kernels", "NUMBA_CPU_NAME=x86-64-v3 headwater kernels"))
@configured
def command(config: Config) -> None:
    """Compile what is compiled, before the first worker does.

    A worker compiles what it serves with when it starts, and then, beside its work, what an experiment may need: some
    minutes in all where a fresh checkout or image has not done it yet. Here it is done in child processes, at most two
    and one a core, of 500 MB each. Exit code 1 if one of them fails.
    """
    with Compilation(config, whole=True) as compilation:
        if not compilation.wait(click.echo):
            raise CheckError(
                "headwater kernels: must be able to write compiled kernels, and child processes to end well"
            )
    click.echo("all kernels are compiled")
