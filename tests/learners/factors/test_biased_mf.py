"""BiasedMF: the laws, and equality with River's own predictions."""

import random

import numpy as np
import pytest

from learners.base import Query
from learners.checks import Check, yield_checks
from learners.factors.biased_mf import BiasedMF

NOTHING = np.empty(0, np.int32)


@pytest.mark.parametrize("check", list(yield_checks(BiasedMF())), ids=lambda check: check.id)
def test_law(check: Check) -> None:
    check.run()


def taught(ratings: int = 500) -> BiasedMF:
    source, rng = BiasedMF(), random.Random("biased_mf")
    source.add_item(9)
    for _ in range(ratings):
        user, item = rng.randrange(-5, 5), rng.randrange(8)
        source.rate_one(user, item, 1.0 + 2.0 * ((user + item) % 2) + rng.random())
    return source


def test_predictions_equal_rivers() -> None:
    source = taught()
    model = source._model
    for user in range(-5, 5):
        query = Query(NOTHING, 0.0, NOTHING, user)
        scores = source.score_many(query, np.arange(8, dtype=np.int32))
        for item in range(8):
            theirs = model.predict_one(user, item)  # type: ignore[no-untyped-call]
            assert source.predict_one(user, item) == pytest.approx(theirs, rel=1e-12)
            assert scores[item] == np.float32(source.predict_one(user, item))
        best, _ = source.top_k(query, 8, np.zeros(10, np.uint8))
        assert best.tolist() == sorted(range(8), key=lambda item: (-scores[item], item))


def test_asking_inserts_nothing() -> None:
    source = taught()
    model = source._model
    before = [len(table) for table in (model.u_latents, model.i_latents, model.u_biases, model.i_biases)]
    for number in range(100, 200):
        source.predict_one(number, number)
        source.predict_one(number, 1)
        source.score_many(Query(NOTHING, 0.0, NOTHING, number), np.arange(10, dtype=np.int32))
    tables = (model.u_latents, model.i_latents, model.u_biases, model.i_biases)
    assert [len(table) for table in tables] == before
    assert source.predict_one(1, 999) == pytest.approx(model.global_mean.get() + model.u_biases[1])


def test_ratings_are_learned() -> None:
    source = taught(5_000)
    error = [
        source.predict_one(user, item) - (1.5 + 2.0 * ((user + item) % 2)) for user in range(5) for item in range(8)
    ]
    assert float(np.sqrt(np.mean(np.square(error)))) < 0.3  # the noise alone is .29, the mean alone errs by 1


def test_users_are_bounded() -> None:
    source = BiasedMF(max_users=2)
    source.add_item(0)
    for user in (1, 2, 1, 3):
        source.rate_one(user, 0, 4.0)
    assert source.state()["users"].tolist() == [1, 3]
    assert set(source._model.u_latents) == set(source._model.u_biases) == {1, 3}
    source.forget(3)
    assert source.state()["users"].tolist() == [1]


def test_restoring_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="dimensions"):
        BiasedMF(8).restore(BiasedMF(4).state())
