"""`headwater demo`."""

import logging
import signal
from contextlib import closing
from types import FrameType

import click
from rich.console import Console

from stream.commands.options import configured, examples
from stream.config import Config
from stream.demo.figures import summary
from stream.demo.play import Frame, run
from stream.demo.screen import COLUMNS, LINES, Plain, Screen
from stream.errors import CheckError


@click.command(
    epilog=examples(
        "headwater demo",
        "headwater demo --seconds 900 --rate 100",
        "HEADWATER_POLICY_NAME=sarsa headwater demo --plain",
    )
)
@click.option(
    "--seconds", type=click.FloatRange(10), default=60, show_default=True, help="Whole length, preparation included."
)
@click.option("--rate", type=click.FloatRange(1), default=200, show_default=True, help="Events/s of the live part.")
@click.option("--plain", is_flag=True, help="Print lines instead of a picture, as without a terminal.")
@configured
def command(config: Config, seconds: float, rate: float, *, plain: bool) -> None:
    """Watch it learn: MovieLens through a real Kafka and a real worker.

    Starts a broker and a worker of its own, sends 20,000 old ratings to learn from, then the later ones as if their
    users were online now, and serves a console where you can be one of them (give it more --seconds). Needs Java 17
    and Maven; without them it uses a mock cluster. Ends by itself or on Ctrl-C, and leaves nothing behind.
    """
    logging.getLogger("kafka").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, _end)
    console = Console()
    fits = console.is_terminal and console.width >= COLUMNS and console.height >= LINES
    frames: list[Frame] = []
    screen = Screen(console) if fits and not plain else Plain(console)
    try:
        with closing(screen):

            def show(frame: Frame) -> None:
                frames[:] = [frame]
                screen.show(frame)

            frames.append(run(config, seconds, rate, show, screen.tell))
    finally:
        if frames:
            console.print(summary(frames[-1]))
    if frames[-1].score.slates == 0:
        raise CheckError("demo: at least one recommendation must come back; none did: see the worker's counts above")


def _end(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signal_number)
