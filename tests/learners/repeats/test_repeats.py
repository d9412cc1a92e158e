import numpy as np
import pytest
from numpy.typing import NDArray

from learners import CLICK, PURCHASE, TOUCHED, VIEW, Interaction, Interactions, Query, yield_checks
from learners.base import NEVER, Past
from learners.checks import Check
from learners.repeats.repeats import Repeats, _class_of

NOTHING = np.empty(0, np.int32)


def _past(n: int, kinds: list[int] | None = None, gaps: list[float] | None = None) -> Past:
    """A user's past with n items at time 1,000."""
    times = 1_000.0 - np.array(gaps or [10.0 * (1 + rank) for rank in range(n)])
    kinds_ = np.array(kinds or [VIEW] * n, np.uint8)
    return Past(times, np.ones(n, np.int32), kinds_, np.where(kinds_ == PURCHASE, times, NEVER))


class WithPast(Repeats):
    """Adds a past to every event and query, so that the laws also hold for what is learned from it."""

    name = "repeats_with_past"

    def learn_many(self, events: Interactions) -> None:
        events_with_past = [event._replace(time=1_000.0, past=_past(len(event.recent))) for event in events.each()]
        super().learn_many(Interactions.of(events_with_past))

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        return super().top_k(query._replace(time=1_000.0, past=_past(len(query.recent))), k, blocked)

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        return super().score_many(query._replace(time=1_000.0, past=_past(len(query.recent))), items)


# With a past, `TOUCHED` items are not ordered by recency.
CHECKS = [*yield_checks(Repeats()), *(check for check in yield_checks(WithPast()) if "touched_only" not in check.id)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_law(check: Check) -> None:
    check.run()


def _order(source: Repeats, n: int, kinds: list[int] | None = None) -> list[int]:
    recent = np.arange(n, dtype=np.int32)
    query = Query(recent, 1_000.0, NOTHING, past=_past(n, kinds))
    items, _ = source.top_k(query, n, np.full(30, TOUCHED, np.uint8))
    return [int(item) for item in items]


def _taught(
    events: int, n: int, back_to: int, source: Repeats | None = None, kinds: list[int] | None = None,
    gaps: list[float] | None = None,
) -> Repeats:  # fmt: skip
    source = source or Repeats()
    source.add_item(29)
    recent = np.arange(n, dtype=np.int32)
    for _ in range(events):
        source.learn_one(Interaction(back_to, VIEW, 1_000.0, recent, NOTHING, past=_past(n, kinds, gaps)))
    return source


def test_one_event_by_hand() -> None:
    source = _taught(1, 2, back_to=0, source=Repeats(half_life=1e9))
    recent = np.array([0, 1], np.int32)
    found = source.score_many(Query(recent, 1_000.0, NOTHING, past=_past(2)), recent)
    # returns 1 of 1 and 20 pseudo-events of .3; each lift 1 return and 20, of .3 expected and 20; item 1: 0 of .15.
    # Both have one view, so they share a cell: expected .3 + .15
    shared = 21 / 20.45
    assert found == pytest.approx([7 / 21 * 21 / 20.3 * shared, 3 / 21 * 20 / 20.15 * shared], rel=1e-6)


def test_the_rank_that_users_return_to_comes_first() -> None:
    assert _order(Repeats(), 0) == []
    assert _order(_taught(0, 4, back_to=1), 4) == [0, 1, 2, 3]
    assert _order(_taught(200, 4, back_to=1), 4)[0] == 1


def test_bought_items_fall_behind_if_no_user_returns_to_them() -> None:
    kinds = [PURCHASE, CLICK, CLICK]
    source = _taught(300, 3, back_to=1, kinds=kinds)
    for turn in range(300):  # ... though the newest item is what users return to, when it was not bought
        _taught(1, 3, back_to=0 if turn % 2 else 20, source=source, kinds=[CLICK, PURCHASE, PURCHASE])
    assert _order(source, 3, kinds=[CLICK, CLICK, CLICK])[0] == 0
    assert _order(source, 2, kinds=[PURCHASE, CLICK]) == [1, 0]


def test_ranks_beyond_those_learned_continue_the_last_one() -> None:
    source = _taught(500, 10, back_to=9, gaps=[1.0] * 10)
    recent = np.arange(20, dtype=np.int32)
    past = _past(20, gaps=[1.0] * 20)
    found = source.score_many(Query(recent, 1_000.0, NOTHING, past=past), recent)
    assert found[19] / found[11] == pytest.approx(12 / 20)  # both beyond, in the same cells
    assert found[11] > found[0]


def test_an_unknown_past_teaches_nothing_and_is_answered_by_recency() -> None:
    source = _taught(200, 4, back_to=3)
    before = {key: array.tobytes() for key, array in source.state().items()}
    recent = np.arange(4, dtype=np.int32)
    source.learn_one(Interaction(2, VIEW, 1_000.0, recent, NOTHING))
    assert {key: array.tobytes() for key, array in source.state().items()} == before
    items, scores = source.top_k(Query(recent, 1_000.0, NOTHING), 9, np.zeros(30, np.uint8))
    assert items.tolist() == [0, 1, 2, 3]
    assert scores == pytest.approx([0.3, 0.15, 0.1, 0.075])


@pytest.mark.parametrize(
    ("gap", "expected"),
    [(-5, 0), (0, 0), (3.99, 0), (4, 1), (15.9, 1), (16, 2), (4**10 - 1, 9), (4**10, 10), (1e9, 10)],
)
def test_classes_of_gaps_have_exact_edges(gap: float, expected: int) -> None:
    assert _class_of(float(gap), 4.0, 4.0, 11) == expected


def test_decay_forgets_and_rescaling_changes_no_score() -> None:
    source = _taught(3_000, 4, back_to=1, source=Repeats(half_life=3))  # the unit passes its limit every 1,536 events
    assert source.state()["unit"][0] < 2.0**512
    assert _order(source, 4)[0] == 1
    _taught(60, 4, back_to=2, source=source)
    assert _order(source, 4)[0] == 2
