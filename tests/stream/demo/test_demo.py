"""What the demo plays, measures and shows; the run itself is in tests/kafka/test_demo.py."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from stream.client.slates import Refresh, Slates, Titles
from stream.demo.data import FOLDER, Rating, interleaved, load
from stream.demo.figures import Share, plain_line, shares, summary
from stream.demo.play import Frame
from stream.demo.score import DEPTH, WINDOW, Moment, Score, percentile
from stream.demo.screen import HOLD_S, LINES, Plain, Screen, Spotlight, picture, turn
from stream.errors import UsageError
from stream.records.codec import encode
from stream.records.schemas import Event, Item, Recommendation, Slot


def rating(user: str, item: str, number: int = 0) -> Rating:
    return "view", Event(event_id=f"{user}/{item}/{number}", user_id=user, item_id=item, timestamp=float(number))


def publish(slates: Slates, user: str, items: list[str], event: Event | None, at: float) -> Refresh:
    event_id = event.event_id if event else None
    slate = Recommendation(
        user_id=user, decision_id="d", event_id=event_id, timestamp=at, model_version=0, epoch=0, policy="sarsa",
        slots=[Slot(item, 0.5, "ranked", 0.9) for item in items],
    )  # fmt: skip
    refresh = slates.take(user.encode(), encode(slate), at)
    assert refresh is not None
    return refresh


def test_the_shipped_data_are_whole() -> None:
    data = load()
    assert (len(data.films), len(data.history), len(data.live)) == (9742, 20_000, 80_836)
    assert "README.txt" in {path.name for path in FOLDER.iterdir()}, "its licence goes with it"


def test_history_is_by_time_and_live_keeps_each_users_order() -> None:
    data = load()
    times = [event.timestamp for _, event in data.history]
    assert times == sorted(times)
    assert times[-1] <= min(event.timestamp for _, event in data.live)
    last: dict[str, float] = {}
    for _, event in data.live:
        assert last.get(event.user_id, 0.0) <= event.timestamp
        last[event.user_id] = event.timestamp


def test_without_the_data_it_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the demo's films are missing; they are part of a checkout"):
        load(tmp_path)


@given(users=st.lists(st.sampled_from("abcdef"), max_size=40), at_once=st.integers(1, 8))
def test_interleaving_loses_nothing_and_keeps_users_apart(users: list[str], at_once: int) -> None:
    log = [rating(user, "i", number) for number, user in enumerate(users)]
    found = list(interleaved(log, at_once))
    assert sorted(event.event_id for _, event in found) == sorted(event.event_id for _, event in log)
    for user in set(users):
        numbers = [event.timestamp for _, event in found if event.user_id == user]
        assert numbers == sorted(numbers)


def test_users_take_turns() -> None:
    log = [rating(user, "i", number) for user in "abc" for number in range(3)]
    assert "".join(event.user_id for _, event in interleaved(log, at_once=3)) == "abcabcabc"


def test_a_hit_is_a_next_item_that_the_slate_had() -> None:
    score, slates = Score(), Slates()
    score.live = True
    for number, item in enumerate(["a", "b", "x", "c"]):
        kind, event = rating("u", item, number)
        score.sent(kind, event, slates, at=float(number))
        score.arrived(publish(slates, "u", ["a", "b", "c"], event, at=number + 0.02))
    assert (score.events, score.steps, score.hits, score.slates) == (4, 3, 2, 4)  # the first had no slate to be on
    assert score.hit_rate == pytest.approx(2 / 3)
    assert score.latencies == pytest.approx([0.02] * 4)
    assert score.moments["u"].sent.place == 2


def test_only_the_first_twenty_places_count() -> None:
    score, slates = Score(), Slates()
    score.live = True
    publish(slates, "u", [f"i{n}" for n in range(DEPTH + 1)], None, 0.0)
    for item in (f"i{DEPTH - 1}", f"i{DEPTH}"):
        score.sent(*rating("u", item), slates, at=1.0)
    assert (score.steps, score.hits) == (2, 1)


def test_the_baseline_are_the_most_popular_of_before() -> None:
    score, slates = Score(), Slates()
    for number in range(100):
        score.sent(*rating(f"u{number}", f"i{number % 25 if number < 75 else number % 15}", number), slates, at=0.0)
    score.live = True
    publish(slates, "u", ["none"], None, 0.0)
    for item in ("i0", "i24", "new"):
        score.sent(*rating("u", item), slates, at=1.0)
    assert (score.steps, score.hits, score.popular_hits) == (3, 0, 1)


def test_history_is_not_measured() -> None:
    score, slates = Score(), Slates()
    kind, event = rating("u", "a")
    publish(slates, "u", ["a"], None, 0.0)
    score.sent(kind, event, slates, at=0.0)
    score.arrived(publish(slates, "u", ["b"], event, at=9.0))
    assert (score.events, score.steps, score.slates, score.latencies) == (0, 0, 0, [])
    assert score.ratings["u"] == 1


def test_the_curve_has_a_point_a_window() -> None:
    score, slates = Score(), Slates()
    score.live = True
    publish(slates, "u", ["a"], None, 0.0)
    for number in range(3 * WINDOW - 1):
        score.sent(*rating("u", "a" if number < WINDOW else "b", number), slates, at=0.0)
    assert score.curve == [1.0, 0.0]


@given(st.lists(st.floats(0, 100), min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_percentiles(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)


@pytest.fixture
def frame() -> Frame:
    """A moment of the live part: one user with a slate, a worker with counts."""
    score, slates, titles = Score(), Slates(), Titles()
    titles.take(b"a", encode(Item(item_id="a", title="Matrix, The (1999) [x]")))
    score.live = True
    for number, item in enumerate("ab"):
        kind, event = rating("u7", item, number)
        score.sent(kind, event, slates, at=float(number))
        score.arrived(publish(slates, "u7", ["b", "a"][:: 1 - 2 * number], event, at=number + 0.012))
    slots, hits = 'headwater_slots_total{source="%s"}', 'headwater_hits_total{source="%s"}'
    settled = 'headwater_decisions_settled_total{outcome="%s"}'
    before = {slots % "ranked": 100.0, hits % "ranked": 5.0, settled % "hit": 1.0, "headwater_reward_total": 3.0}
    now = {
        slots % "ranked": 190.0, hits % "ranked": 14.0, slots % "trending": 10.0, settled % "hit": 6.0,
        settled % "miss": 15.0, settled % "void": 7.0, "headwater_reward_total": 13.0, "headwater_events_total": 1234.0,
    }  # fmt: skip
    return Frame("Apache Kafka", "http://127.0.0.1:8080", "live", 4.0, 20.5, 2000, score, titles, before, now)


def test_figures_are_those_of_the_live_part(frame: Frame) -> None:
    assert frame.rate == 500.0
    assert frame.reward == 10.0 / 20
    assert shares(frame) == [Share("ranked", 0.9, 100.0), Share("trending", 0.1, 0.0)]
    assert plain_line(frame) == (
        "live    4 s: 2,000 events, 500/s; latency p50 12 ms p99 12 ms; hit rate 100.0% (popularity 0.0%); "
        "reward 0.50 a slate"
    )


def printed(renderable: RenderableType, width: int) -> str:
    console = Console(width=width, height=36, file=io.StringIO())
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_the_summary_has_every_figure(frame: Frame) -> None:
    text = printed(summary(frame), 120)
    for part in ("2 in 4.0 s, 500/s, through Apache Kafka", "p50 12 ms, p99 12 ms", "100.0% of 1", "0.500 a slate",
                 "ranked 90.0%, trending 10.0%", "1,234 events"):  # fmt: skip
        assert part in text


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


def test_a_slate_is_held_to_be_read_and_then_gives_way(frame: Frame) -> None:
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


def test_plain_lines_come_every_few_seconds(frame: Frame) -> None:
    console = Console(width=80, file=io.StringIO())
    with console.capture() as capture:
        plain = Plain(console)
        plain.tell("starting")
        plain.show(frame)
        plain.show(frame)
    assert capture.get() == f"starting\n{plain_line(frame)}\n"


def test_the_screen_gives_the_terminal_back(frame: Frame) -> None:
    out = io.StringIO()
    screen = Screen(Console(width=120, height=36, file=out, force_terminal=True))
    screen.tell("starting")
    screen.show(frame)
    screen.close()
    enter, leave = "\x1b[?1049h", "\x1b[?1049l"
    assert out.getvalue().index("starting") < out.getvalue().index(enter) < out.getvalue().index(leave)
