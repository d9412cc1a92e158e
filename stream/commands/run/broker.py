"""`headwater broker`."""

import os
import signal
import time
from pathlib import Path
from types import FrameType

import click

from stream.commands.options import examples
from stream.errors import BrokerError, UsageError
from stream.processes.broker import Broker, BrokerSettings, port_is_free

OTHER = "stop what listens there, or choose another with --port (0: any free one)"
CHECK_INTERVAL_S = 0.2  # between two checks that broker and parent still run


@click.command(
    epilog=examples(
        "headwater broker",
        "headwater broker --port 0                      # a free port, which is printed",
        "headwater broker --port 9093 --data ~/kafka    # keeps topics and events",
    )
)
@click.option("--port", type=click.IntRange(0, 65535), default=9092, show_default=True, help="0: any free port.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the data here.  [default: a temporary folder]",
)
def command(port: int, data: Path | None) -> None:
    """Run a Kafka of one node on this machine, for development.

    A real Apache Kafka, bound to 127.0.0.1, without security. Needs Java 17 or newer, and Maven for the first start.
    Prints its address once it answers. Ends on Ctrl-C, on SIGTERM, and with the process that started it.
    """
    if port and not port_is_free(port):
        raise UsageError(f"broker: cannot listen on 127.0.0.1:{port}: Address already in use; {OTHER}")
    signal.signal(signal.SIGTERM, _end)
    parent = os.getppid()
    with Broker(BrokerSettings(port=port, data_dir=data)) as broker:
        click.echo(broker.address)
        while os.getppid() == parent:
            time.sleep(CHECK_INTERVAL_S)
            if not _runs(broker.pid):
                raise BrokerError(f"Kafka on {broker.address} ended by itself: see {broker.data_dir / 'kafka.log'}")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _end(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
