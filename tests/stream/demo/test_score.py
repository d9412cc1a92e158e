"""What the demo measures of its own events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.client.slates import Slates
from stream.demo.score import DEPTH, WINDOW, Score, percentile
from tests.support.demo import publish, rating


def test_a_hit_is_a_next_item_that_was_on_the_slate() -> None:
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


def test_only_the_first_twenty_slots_count() -> None:
    score, slates = Score(), Slates()
    score.live = True
    publish(slates, "u", [f"i{n}" for n in range(DEPTH + 1)], None, 0.0)
    for item in (f"i{DEPTH - 1}", f"i{DEPTH}"):
        score.sent(*rating("u", item), slates, at=1.0)
    assert (score.steps, score.hits) == (2, 1)


def test_the_baseline_is_the_most_popular_items_so_far() -> None:
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


def test_the_curve_has_a_point_per_window() -> None:
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
