"""`headwater worker`."""

import asyncio

import click
import faust
import msgspec

from stream import app
from stream.commands.options import configured, examples
from stream.config import Config
from stream.kafka.admin import check
from stream.kafka.event_loop import LoopPolicy
from stream.serving import access
from stream.serving.ports import check_free


@click.command(
    epilog=examples(
        "headwater worker --broker 127.0.0.1:9092",
        "HEADWATER_POLICY_NAME=sarsa headwater worker --port 6067",
        "curl localhost:6066/readyz",
    )
)
@click.option("--port", type=click.IntRange(0, 65535), help="Port of /metrics, /healthz and /readyz.")
@click.option(
    "--log-level",
    type=click.Choice(["info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is logged, to stderr.",
)
@configured
def command(config: Config, port: int | None, log_level: str) -> None:
    """Turn events into recommendations, and learn from them.

    Checks broker and topics first (exit codes 3 and 4), loads the newest snapshot of the model, folds headwater.log
    from there, recovers the users of its partitions, then serves. Ends cleanly on Ctrl-C and SIGTERM. If records cannot
    be written, it gives up the shard and recovers it from the log again. Exit code 1 if it cannot go on, such as when
    the log does not reach back far enough: run it under a supervisor that restarts it.
    """
    if port is not None:
        config = msgspec.structs.replace(config, worker=msgspec.structs.replace(config.worker, port=port))
    access.check(config.worker)
    check_free("worker", config.worker.host, config.worker.port)
    check(config.kafka)
    asyncio.set_event_loop_policy(LoopPolicy())
    faust.Worker(app.build(config), loglevel=log_level, redirect_stdouts=False).execute_from_commandline()
