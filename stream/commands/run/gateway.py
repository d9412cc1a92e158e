"""`headwater gateway`, and `headwater gateway key new`."""

import logging

import click
import msgspec
import uvloop

from stream.commands.options import configured, examples
from stream.config import Config
from stream.gateway import app
from stream.gateway.guard.audit import log as audit_log
from stream.gateway.guard.keys import SCOPES, new_key
from stream.kafka.admin import check
from stream.kafka.event_loop import Loop
from stream.serving.ports import check_free


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "headwater gateway --port 8080",
        "curl localhost:8080/v1/users/you/recommendations?k=3",
        "headwater gateway key new --name shop --scopes events+slates",
        "HEADWATER_GATEWAY_KEYS=shop:events+slates:sha256-... headwater gateway --host 0.0.0.0",
    ),
)
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0: any.")
@click.option(
    "--worker", "workers", multiple=True, metavar="URL", help="Address of a worker, for explanations; repeatable."
)
@configured
def command(config: Config, host: str | None, port: int | None, workers: tuple[str, ...]) -> None:
    """Serve recommendations, events and a console over HTTP.

    Reads the slates from `recommendations` into memory (about 2 KB a user) and answers from there; writes events and
    the catalogue to their topics, and answers once Kafka has them. /docs lists all requests, / is the console. Without
    keys it listens on this machine only. docs/gateway.md describes it.
    """
    if click.get_current_context().invoked_subcommand is not None:
        return
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    audit_log.setLevel(logging.INFO)
    given = {"host": host, "port": port, "workers": ",".join(workers) or None}
    changed = {key: value for key, value in given.items() if value is not None}
    config = msgspec.structs.replace(config, gateway=msgspec.structs.replace(config.gateway, **changed))
    app.check(config)
    check_free("gateway", config.gateway.host, config.gateway.port)
    partitions = check(config.kafka)
    serving = app.serve(config, partitions, lambda address: click.echo(f"serving at {address}"))
    uvloop.run(serving, loop_factory=Loop)


@command.group()
def key() -> None:
    """Make keys for the gateway."""


@key.command(epilog=examples("headwater gateway key new --name shop --scopes events+slates --expires 2027-01-31"))
@click.option("--name", required=True, help="Who has it; stands in the audit. The same name again: to replace a key.")
@click.option("--scopes", required=True, metavar="SCOPE+SCOPE", help=f"Of {', '.join(SCOPES)}.")
@click.option("--expires", default="", metavar="DATE", help="When it ends, in ISO 8601; without it, never.")
def new(name: str, scopes: str, expires: str) -> None:
    """Print a new key, and the line of the configuration that admits it.

    The key is shown once and stored nowhere: give it to its owner. The line has only a hash of it: put it into
    gateway.keys, or into the file of gateway.keys_file, which running gateways read again.
    """
    made, line = new_key(name, scopes, expires)
    click.echo(f"key:  {made}")
    click.echo(f"line: {line}")
