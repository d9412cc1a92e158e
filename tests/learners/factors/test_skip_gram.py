"""SkipGram: the laws, the step against arithmetic, and sessions of two kinds."""

import math

import numpy as np
import pytest

from learners.base import Interaction, Query
from learners.checks import Check, yield_checks
from learners.factors.skip_gram import SkipGram

NOTHING = np.empty(0, np.int32)


@pytest.mark.parametrize("check", list(yield_checks(SkipGram())), ids=lambda check: check.id)
def test_law(check: Check) -> None:
    check.run()


def test_one_pair_is_one_step_of_logistic_regression() -> None:
    source = SkipGram(dimensions=4, negatives=0, learning_rate=0.5)
    source.add_item(1)
    before = source._pairs.inner.copy()
    source.learn_one(Interaction(1, 0, 0.0, NOTHING, np.array([0], np.int32)))
    first = [0.5 * 0.5 / (1 + 0.125 * float(u @ u)) for u in before[:2]]  # 1 - sigma(0) = .5: outer vectors start at 0
    assert source._pairs.outer[1].tolist() == pytest.approx((first[0] * before[0]).tolist(), rel=1e-2)
    assert source._pairs.outer[0].tolist() == pytest.approx((first[1] * before[1]).tolist(), rel=1e-2)
    assert source._pairs.inner[0].tolist() == before[0].tolist()
    source.learn_one(Interaction(1, 0, 0.0, NOTHING, np.array([0], np.int32)))
    square = float(before[0] @ before[0])
    push = 0.5 * (1 - 1 / (1 + math.exp(-first[0] * square))) / (1 + 0.125 * (1 + first[0] ** 2) * square)
    assert source._pairs.outer[1].tolist() == pytest.approx(((first[0] + push) * before[0]).tolist(), rel=1e-2)


def test_no_step_is_too_long() -> None:
    source = SkipGram(learning_rate=1_000.0)
    source.add_item(9)
    for n in range(3_000):
        source.learn_one(Interaction(n % 10, 0, 0.0, NOTHING, np.array([n // 10 % 10, n // 7 % 10], np.int32)))
    state = source.state()
    assert np.isfinite(state["inner"]).all()
    assert max(np.abs(state["inner"]).max(), np.abs(state["outer"]).max()) < 100.0


def test_sessions_of_two_tastes_are_separated() -> None:
    source, items = SkipGram(), 20
    source.add_item(items - 1)
    for n in range(12_000):
        taste = n // 3 % 2
        step = [(2 * (n * 7 + shift)) % items + taste for shift in (0, 3, 8)]
        session = np.array(step[:2], np.int32)
        source.learn_one(Interaction(step[2], 0, 0.0, session, session))
    for item in range(items):
        best, _ = source.top_k(Query(np.array([item], np.int32), 0.0, NOTHING), 4, np.zeros(items, np.uint8))
        assert {other % 2 for other in best.tolist()} == {item % 2}


def test_what_was_never_in_a_session_scores_nothing() -> None:
    source = SkipGram()
    source.add_item(5)
    source.learn_one(Interaction(1, 0, 0.0, NOTHING, NOTHING))
    assert source.score_many(Query(np.array([1], np.int32), 0.0, NOTHING), np.arange(6, dtype=np.int32)).sum() == 0


def test_restoring_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="dimensions"):
        SkipGram(8).restore(SkipGram(16).state())
    with pytest.raises(ValueError, match="ring"):
        SkipGram(reach=8).restore(SkipGram(reach=16).state())
