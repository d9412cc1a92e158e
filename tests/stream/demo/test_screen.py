"""The demo on a terminal, and its lines without one."""

import io

import pytest
from rich.console import Console, RenderableType

from stream.client.slates import Slates
from stream.demo.figures import plain_line
from stream.demo.play import Frame
from stream.demo.score import Moment
from stream.demo.screen import HOLD_S, LINES, Plain, Screen, Spotlight, picture, turn
from tests.support.demo import live_frame, publish


@pytest.fixture
def frame() -> Frame:
    return live_frame()


def printed(renderable: RenderableType, width: int) -> str:
    console = Console(width=width, height=36, file=io.StringIO())
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


@pytest.mark.parametrize("height", [LINES, 36, 60])
def test_the_picture_fits_its_screen(frame: Frame, height: int) -> None:
    spotlights = [Spotlight() for _ in range(3)]
    turn(spotlights, frame.score.moments, now=0.0)
    lines = printed(picture(frame, spotlights, height), 120).splitlines()
    assert len(lines) <= height
    assert max(len(line) for line in lines) <= 120
    text = "\n".join(lines)
    for part in ("20 s left", "user u7, 2 ratings", "it was number 1 on the slate", "1  +1 The Matrix (1999) [x]",
                 "ranked", "90.0%", "100.0%", "12 ms", "Apache Kafka"):  # fmt: skip
        assert part in text


def test_a_slate_is_held_for_some_seconds(frame: Frame) -> None:
    slates, spotlight = Slates(), Spotlight()

    def moment(user: str, at: float) -> Moment:
        publish(slates, user, ["a"], None, at)
        return Moment(frame.score.moments["u7"].sent._replace(at=at), publish(slates, user, ["b"], None, at))

    moments = {"u1": moment("u1", 1.0)}
    turn([spotlight], moments, now=0.0)
    first = spotlight.moment
    moments |= {"u1": moment("u1", 2.0), "u2": moment("u2", 3.0)}
    turn([spotlight], moments, now=HOLD_S - 0.1)
    assert spotlight.moment is first
    turn([spotlight], moments, now=HOLD_S)
    assert (spotlight.user, spotlight.moment) == ("u1", moments["u1"])
    turn([spotlight], moments, now=2 * HOLD_S)  # u1 did nothing more
    assert (spotlight.user, spotlight.moment) == ("u2", moments["u2"])


def test_two_places_never_show_the_same_user(frame: Frame) -> None:
    spotlights = [Spotlight(), Spotlight()]
    turn(spotlights, frame.score.moments, now=0.0)
    assert [spotlight.user for spotlight in spotlights] == ["u7", ""]


def test_plain_lines_are_printed_every_few_seconds(frame: Frame) -> None:
    console = Console(width=80, file=io.StringIO())
    with console.capture() as capture:
        plain = Plain(console)
        plain.tell("starting")
        plain.show(frame)
        plain.show(frame)
    assert capture.get() == f"starting\n{plain_line(frame)}\n"


def test_the_screen_restores_the_terminal(frame: Frame) -> None:
    out = io.StringIO()
    screen = Screen(Console(width=120, height=36, file=out, force_terminal=True))
    screen.tell("starting")
    screen.show(frame)
    screen.close()
    enter, leave = "\x1b[?1049h", "\x1b[?1049l"
    assert out.getvalue().index("starting") < out.getvalue().index(enter) < out.getvalue().index(leave)
