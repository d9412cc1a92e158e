"""The demo on a terminal: figures above, a few users' slates below. Without a terminal: plain lines."""

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stream.client.slates import Titles
from stream.demo.figures import milliseconds, plain_line, readable, shares, sparkline, worker
from stream.demo.play import Frame
from stream.demo.score import DEPTH, WINDOW, Moment

COLUMNS, LINES = 100, 30  # the smallest screen that holds the picture
SLATE_LINES = 19  # of the screen, around the slots
USERS = 3
SOURCES = 7
BAR = 34  # characters
HOLD_S = 3.0  # how long a slate stays, to be read
PLAIN_S = 5.0  # between two plain lines
STORY = {"view": ("watched", "bold"), "click": ("liked", "bold cyan"), "purchase": ("loved", "bold magenta")}


class Screen:
    """One live picture."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live: Live | None = None
        self._spotlights = [Spotlight() for _ in range(USERS)]

    def tell(self, text: str) -> None:
        """Say what is being prepared."""
        self.console.print(text, style="dim")

    def show(self, frame: Frame) -> None:
        """Draw a frame."""
        if self._live is None:
            self._live = Live(console=self.console, screen=True, auto_refresh=False)
            self._live.start()
        turn(self._spotlights, frame.score.moments, time.monotonic())
        self._live.update(picture(frame, self._spotlights, self.console.height), refresh=True)

    def close(self) -> None:
        """Restore the terminal."""
        if self._live is not None:
            self._live.stop()


class Plain:
    """A short line every few seconds."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._shown_at = time.monotonic() - PLAIN_S

    def tell(self, text: str) -> None:
        """Say what is being prepared."""
        self.console.print(text, soft_wrap=True, highlight=False)

    def show(self, frame: Frame) -> None:
        """Print a line, unless the last one was just printed."""
        if time.monotonic() - self._shown_at >= PLAIN_S:
            self._shown_at = time.monotonic()
            self.tell(plain_line(frame))

    def close(self) -> None:
        """Do nothing."""


class Spotlight:
    """A place on the screen for one user's slate."""

    def __init__(self) -> None:
        self.user = ""
        self.moment: Moment | None = None
        self.since = -HOLD_S


def turn(spotlights: list[Spotlight], moments: dict[str, Moment], now: float) -> None:
    """Move each spotlight on: to the next moment of its user, or to another user if there is none."""
    for spotlight in spotlights:
        if now - spotlight.since < HOLD_S:
            continue
        if moments.get(spotlight.user) is spotlight.moment:
            shown = {other.user for other in spotlights}
            free = [user for user, moment in moments.items() if user not in shown and moment.refresh.before]
            spotlight.user = max(free, key=lambda user: (moments[user].sent.at, user), default=spotlight.user)
        spotlight.moment, spotlight.since = moments.get(spotlight.user), now


def picture(frame: Frame, spotlights: list[Spotlight], height: int) -> RenderableType:
    """Compose the whole screen."""
    slots = min(DEPTH, height - SLATE_LINES)
    return Group(
        _header(frame),
        _row(
            _panel("stream", _stream(frame)),
            _panel("was the next film on the slate?", _hits(frame)),
            _panel("who filled the slots?", _sources(frame)),
        ),
        _row(*(_slate(spotlight, frame, slots) for spotlight in spotlights)),
        _panel("worker", Text(worker(frame), no_wrap=True, overflow="ellipsis")),
    )


def _header(frame: Frame) -> Table:
    doing = f"live, {frame.left_s:.0f} s left" if frame.score.live else "learning 20,000 old ratings"
    table = Table.grid(expand=True)
    table.add_column()
    table.add_column(justify="right", style="bold")
    table.add_row(
        Text.assemble((" headwater ", "bold reverse"), f"  MovieLens through {frame.kafka}; {_invitation(frame)}"),
        f"{doing} ",
    )
    return table


def _invitation(frame: Frame) -> str:
    return f"be a shopper: {frame.console}" if frame.console else "one worker learns as it goes"


def _row(*cells: RenderableType) -> Table:
    table = Table.grid(expand=True)
    for _ in cells:
        table.add_column(ratio=1)
    table.add_row(*cells)
    return table


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=Text(title), title_align="left", border_style="blue")


def _figures(rows: dict[str, str]) -> Table:
    table = Table.grid(expand=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", style="bold", no_wrap=True)
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _stream(frame: Frame) -> Table:
    score = frame.score
    return _figures({
        "events/s": f"{frame.rate:,.0f}",
        "events sent": f"{frame.sent:,}",
        "slates back": f"{score.slates:,}",
        "event to slate, half within": milliseconds(score.recent, 0.5),
        "event to slate, 99 % within": milliseconds(score.recent, 0.99),
        "reward a slate": f"{frame.reward:.2f}" if score.live else "-",
        "slots that explore": f"{frame.now.get('headwater_exploration_ratio', 0.0):.1%}",
        "": "",
    })  # fmt: skip


def _hits(frame: Frame) -> Table:
    score = frame.score
    top = max(score.hit_rate, score.popular_hit_rate) or 1.0
    table = Table.grid(expand=True)
    for name, rate, colour in (
        (f"headwater's {DEPTH}", score.hit_rate, "green"),
        (f"the {DEPTH} most popular", score.popular_hit_rate, "yellow"),
    ):
        table.add_row(_figures({name: f"{rate:.1%}" if score.steps else "-"}))
        table.add_row(Text("█" * round(BAR * rate / top), style=colour))
    table.add_row(_figures({"of so many live ratings": f"{score.steps:,}"}))
    table.add_row("")
    table.add_row(Text(f"headwater, a block for {WINDOW} ratings", style="dim"))
    table.add_row(Text(sparkline(score.curve, BAR), style="green"))
    return table


def _sources(frame: Frame) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(justify="right", style="bold", no_wrap=True)
    table.add_column(justify="right", style="green", no_wrap=True)
    table.add_row("", "of slots", "hits/1,000")
    found = shares(frame)[:SOURCES]
    for each in found:
        table.add_row(each.source, f"{each.share:.1%}", f"{each.hits:.1f}")
    for _ in range(SOURCES - len(found)):
        table.add_row("", "", "")
    return table


def _slate(spotlight: Spotlight, frame: Frame, slots: int) -> Panel:
    moment, text = spotlight.moment, Text(no_wrap=True, overflow="ellipsis")
    if moment is None:
        return _panel("a user", Text("\n" * (slots + 2)))
    sent, titles = moment.sent, frame.titles
    verb, style = STORY[sent.kind]
    text.append(f"{verb} ", style=style)
    text.append(f"{readable(titles[sent.item_id])}\n", style="bold")
    if sent.place >= 0:
        text.append(f"it was number {sent.place + 1} on the slate\n", style="bold green")
    else:
        text.append("it was not on the slate\n", style="dim")
    _append_slots(text, moment, titles, slots)
    return _panel(f"user {spotlight.user}, {frame.score.ratings[spotlight.user]} ratings", text)


def _append_slots(text: Text, moment: Moment, titles: Titles, slots: int) -> None:
    moved = moment.refresh.moves()
    for place, slot in enumerate(moment.refresh.slate.slots[:slots]):
        move = moved[place]
        style = "green" if move == "new" else "cyan" if move.startswith("+") else "dim"
        text.append(f"\n{place + 1:2} ", style="dim")
        text.append(f"{move:>3} ", style=style)
        text.append(readable(titles[slot.item_id]))
