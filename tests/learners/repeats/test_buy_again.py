import math
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from learners import PURCHASE, VIEW, About, Interaction, Query, yield_checks
from learners.base import NEVER, Past
from learners.checks import Check
from learners.repeats.buy_again import BuyAgain

NOTHING = np.empty(0, np.int32)
DAY = 86_400.0


def _past(times: list[float], bought: list[float] | None = None) -> Past:
    n = len(times)
    last_bought = np.array([NEVER] * n if bought is None else bought, np.float64)
    return Past(np.array(times, np.float64), np.ones(n, np.int32), np.zeros(n, np.uint8), last_bought)


class WithPast(BuyAgain):
    """Adds a past to every event and query, so that the laws also hold for what is learned from it."""

    name = "buy_again_with_past"

    def learn_one(self, event: Interaction) -> None:
        super().learn_one(event._replace(past=_past([event.time - 60.0 * 3**n for n in range(len(event.recent))])))

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        return super().top_k(self._with_past(query), k, blocked)

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        return super().score_many(self._with_past(query), items)

    def _with_past(self, query: Query) -> Query:
        times = [query.time - 3_600.0 * (n + 1) for n in range(len(query.recent))]
        return query._replace(past=_past(times, times))


# With a past, `TOUCHED` items are not ordered by recency.
CHECKS = [*yield_checks(BuyAgain()), *(check for check in yield_checks(WithPast()) if "touched_only" not in check.id)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_law(check: Check) -> None:
    check.run()


def _buy(source: BuyAgain, item: int, every_days: float, times: int) -> None:
    """Many users buy an item in one rhythm, alternating a little around it."""
    source.add_item(item)
    one = np.array([item], np.int32)
    source.learn_one(Interaction(item, PURCHASE, 0.0, NOTHING, NOTHING))
    for n in range(times):
        at = every_days * DAY * (1.25 if n % 2 else 0.8)
        source.learn_one(Interaction(item, PURCHASE, at, one, NOTHING, past=_past([0.0], [0.0])))


def _rates(source: BuyAgain, items: list[int], days: float) -> list[float]:
    recent = np.array(items, np.int32)
    times = [0.0] * len(items)
    found = source.score_many(Query(recent, days * DAY, NOTHING, past=_past(times, times)), recent)
    return [float(rate) for rate in found]


def test_what_is_due_comes_first_and_each_in_its_time() -> None:
    source = BuyAgain()
    for item, every_days in ((0, 28.0), (1, 5.0)):
        _buy(source, item, every_days, times=60)
    assert _rates(source, [0, 1], 5)[1] > 5 * _rates(source, [0, 1], 5)[0]
    at = {days: _rates(source, [0], days)[0] for days in (1, 7, 14, 28)}
    assert at[1] < at[7] < at[14] < at[28]
    recent = np.array([0, 1], np.int32)
    query = Query(recent, 30 * DAY, NOTHING, past=_past([0.0, 28 * DAY], [0.0, 28 * DAY]))
    assert source.top_k(query, 2, np.zeros(2, np.uint8))[0].tolist() == [0, 1]  # the other was bought two days ago


def test_the_score_is_the_sum_of_two_log_normal_hazards() -> None:
    source, waits = BuyAgain(half_life=1e12), [6.5, 7.25, 9.0, 7.0]  # ln(s)
    source.add_item(0)
    one, now = np.array([0], np.int32), 5_000.0
    source.learn_one(Interaction(0, VIEW, 0.0, NOTHING, NOTHING))
    for wait in waits:
        source.learn_one(Interaction(0, VIEW, math.exp(wait), one, NOTHING, past=_past([0.0])))

    def blend(prior: tuple[float, float, float]) -> tuple[float, float, float]:
        started, ended = 5 + 5, 4 + 5  # with five pseudo-waits
        return (
            (4 + 5 * prior[0]) / started, (sum(waits) + 5 * prior[1]) / ended,
            (sum(wait**2 for wait in waits) + 5 * prior[2]) / ended,
        )  # fmt: skip

    share, mean, square = (0.1, 6.9, 57.0)
    for _ in range(3):  # all, its category (all again, for want of one), the item
        share, mean, square = blend((share, mean, square))
    normal = NormalDist(mean, math.sqrt(square - mean**2))
    hazard = share * normal.pdf(math.log(now)) / now / (1 - share * normal.cdf(math.log(now)))
    found = source.score_many(Query(one, now, NOTHING, past=_past([0.0])), one)
    assert found[0] == pytest.approx(hazard * DAY, rel=1e-4)
    bought = source.score_many(Query(one, now, NOTHING, past=_past([0.0], [0.0])), one)
    assert bought[0] > found[0]  # the second clock


def test_a_new_item_has_the_rhythm_of_its_category() -> None:
    source = BuyAgain()
    source.add_item(4)
    for item, category in ((0, "coffee"), (1, "coffee"), (2, "shoes"), (3, "shoes"), (4, "unheard of")):
        source.describe(item, About(categories=(category, "everything")))
    _buy(source, 0, 7.0, times=40)
    _buy(source, 2, 200.0, times=40)
    coffee, shoes, unknown = _rates(source, [1, 3, 4], 7)
    assert coffee > unknown > shoes


def test_categories_beyond_the_limit_share_the_rhythm_of_all() -> None:
    source = BuyAgain(categories=2)
    source.add_item(4)
    for item in range(5):
        source.describe(item, About(categories=(f"category {item}",)))
    state = source.state()
    assert state["category"].tolist() == [1, 2, 0, 0, 0]
    assert len(state["groups"]) <= 4
    source.describe(0, About())
    assert source.state()["category"][0] == 0


def test_an_unknown_past_teaches_nothing() -> None:
    source = BuyAgain()
    _buy(source, 0, 7.0, times=3)
    before = {key: array.tobytes() for key, array in source.state().items()}
    source.learn_one(Interaction(0, PURCHASE, 9e9, np.array([0], np.int32), NOTHING))
    assert {key: array.tobytes() for key, array in source.state().items()} == before


def test_rescaling_changes_no_score() -> None:
    source = BuyAgain(half_life=2)
    _buy(source, 0, 7.0, times=400)  # the unit passes its limit every 128 events
    assert source.state()["unit"][0] < 2.0**64
    steady = BuyAgain(half_life=2)
    _buy(steady, 0, 7.0, times=100)
    assert _rates(source, [0], 7) == pytest.approx(_rates(steady, [0], 7), rel=1e-4)
