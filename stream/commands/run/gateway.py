"""`headwater gateway`."""

import click
import msgspec
import uvloop

from stream.commands.options import configured, examples
from stream.config import Config
from stream.gateway import app
from stream.kafka.admin import check
from stream.serving.ports import check_free


@click.command(
    epilog=examples(
        "headwater gateway --port 8080",
        "curl localhost:8080/v1/users/you/recommendations?k=3",
        "HEADWATER_GATEWAY_KEYS=read+write:$(openssl rand -hex 16) headwater gateway --host 0.0.0.0",
    )
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
    given = {"host": host, "port": port, "workers": ",".join(workers) or None}
    changed = {key: value for key, value in given.items() if value is not None}
    config = msgspec.structs.replace(config, gateway=msgspec.structs.replace(config.gateway, **changed))
    app.check(config)
    check_free("gateway", config.gateway.host, config.gateway.port)
    partitions = check(config.kafka)
    uvloop.run(app.serve(config, partitions, lambda address: click.echo(f"serving at {address}")))
