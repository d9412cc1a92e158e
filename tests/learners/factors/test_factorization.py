"""Factorization: the laws, the step against arithmetic, users who come and go."""

import numpy as np
import pytest

from learners.base import NOBODY, Interaction, Query
from learners.checks import Check, yield_checks
from learners.factors.factorization import Factorization

NOTHING = np.empty(0, np.int32)
CHECKS = [*yield_checks(Factorization()), *yield_checks(Factorization(all_items=True))]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_law(check: Check) -> None:
    check.run()


def teach(source: Factorization, events: int, users: int = 6) -> None:
    source.add_item(11)
    for n in range(events):
        user = n % users
        item = 2 * ((n // users + user) % 6) + user % 2
        source.learn_one(Interaction(item, 0, 0.0, NOTHING, NOTHING, user=user - 3 if user < 3 else user))


def ask(user: int, *recent: int) -> Query:
    return Query(np.array(recent, np.int32), 0.0, NOTHING, user)


def test_without_negatives_it_is_isgd_with_damped_steps() -> None:
    source = Factorization(dimensions=3, negatives=0, learning_rate=0.1, shrinkage=0.02)
    source.add_item(0)
    source._row(5)
    p, q = source._users[0].astype(np.float64), source._factors.items[0].astype(np.float64)
    for _ in range(20):
        source.learn_one(Interaction(0, 0, 0.0, NOTHING, NOTHING, user=5))
        error = (1 - p @ q) / (1 + 0.1 * (p @ p + q @ q))
        p, q = p + 0.1 * (error * q - 0.02 * p), q + 0.1 * (error * p - 0.02 * q)
    assert source._users[0].tolist() == pytest.approx(p.tolist(), rel=1e-4)
    assert source._factors.items[0].tolist() == pytest.approx(q.tolist(), rel=1e-4)


def test_no_step_is_too_long() -> None:
    source = Factorization(learning_rate=50.0, shrinkage=0.0)
    teach(source, 3_000)
    assert np.isfinite(source.state()["items"]).all()
    assert np.abs(source.state()["items"]).max() < 10.0


def test_users_of_two_tastes_are_separated() -> None:
    source = Factorization()
    teach(source, 12_000)
    for user in (-3, -2, -1, 3, 4, 5):
        best, _ = source.top_k(ask(user), 4, np.zeros(12, np.uint8))
        taste = (user + 3 if user < 0 else user) % 2
        assert {item % 2 for item in best.tolist()} == {taste}
        alike, _ = source.top_k(ask(99, taste, taste + 2), 4, np.zeros(12, np.uint8))
        assert {item % 2 for item in alike.tolist()} == {taste}


def test_users_are_bounded_and_the_longest_absent_is_replaced() -> None:
    source = Factorization(max_users=2)
    source.add_item(0)
    for user in (1, 2, 1, 3):
        source.learn_one(Interaction(0, 0, 0.0, NOTHING, NOTHING, user=user))
    assert source.state()["users"].tolist() == [1, 3]
    assert len(source._users) == 16
    source.forget(1)
    source.forget(77)
    assert source.state()["users"].tolist() == [3]


def test_every_user_has_their_own_vector() -> None:
    source = Factorization()
    source.add_item(0)
    for user in range(1, 41):
        source.learn_one(Interaction(0, 0, 0.0, NOTHING, NOTHING, user=user))
    vectors = source.state()["vectors"]
    assert len(np.unique(vectors, axis=0)) == 40
    assert sorted(source._rows.values()) == list(range(40))


def test_a_forgotten_user_is_a_new_one() -> None:
    source, other = Factorization(), Factorization()
    teach(source, 300)
    other.restore(source.state())
    source.forget(4)
    assert ask(4).user in other._rows
    everything = np.arange(12, dtype=np.int32)
    assert source.score_many(ask(4, 3), everything).tolist() == source.score_many(ask(NOBODY, 3), everything).tolist()
    assert source.score_many(ask(4, 3), everything).tolist() != other.score_many(ask(4, 3), everything).tolist()


def test_a_twin_restored_after_forgetting_learns_alike() -> None:
    source, twin = Factorization(max_users=4), Factorization(max_users=4)
    teach(source, 100)
    source.forget(5)
    twin.restore(source.state())
    for each in (source, twin):
        teach(each, 250)
    assert all(source.state()[key].tobytes() == array.tobytes() for key, array in twin.state().items())


def test_restoring_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="dimensions"):
        Factorization(8).restore(Factorization(16).state())
