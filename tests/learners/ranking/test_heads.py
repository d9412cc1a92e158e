import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from river import linear_model, optim

from learners import TwoHeads, corrected, ranking_score

NAMES = [f"feature_{n}" for n in range(25)]


def _rows(rng: random.Random, n: int) -> NDArray[np.uint8]:
    return np.array([[rng.randrange(256) if rng.random() < 0.4 else 0 for _ in NAMES] for _ in range(n)], np.uint8)


def _probability(head: linear_model.LogisticRegression, x: dict[str, float]) -> float:
    return float(head.predict_proba_one(x)[True])  # type: ignore[no-untyped-call]  # River leaves it untyped


def _taught(events: int, ranker: TwoHeads | None = None) -> TwoHeads:
    ranker, rng = ranker or TwoHeads(NAMES), random.Random("headwater/ranker")
    for n in range(events):
        ranker.learn_many_rows(_rows(rng, 5), n % 6 - 1, purchased=n % 4 == 0, sampling_rate=0.1)
    return ranker


def test_equal_to_river_learned_row_by_row() -> None:
    ranker, rng = TwoHeads(NAMES, learning_rate=0.1), random.Random("headwater/ranker")
    click, purchase = (linear_model.LogisticRegression(optim.SGD(0.1), intercept_lr=0.1) for _ in range(2))
    for n in range(60):
        rows, clicked, purchased = _rows(rng, 5), n % 6 - 1, n % 4 == 0
        dicts = [{name: level / 255 for name, level in zip(NAMES, row) if level} for row in rows.tolist()]
        clicks = [_probability(click, x) for x in dicts]
        expected = np.array([[p, p * _probability(purchase, x)] for p, x in zip(clicks, dicts, strict=True)])
        assert ranker.score_many(rows) == pytest.approx(expected, abs=1e-6)
        ranker.learn_many_rows(rows, clicked, purchased)
        for row, x in enumerate(dicts):
            click.learn_one(x, row == clicked)
            if row == clicked:
                purchase.learn_one(x, purchased)
    assert ranker.click.vector() == [*(click.weights.get(name, 0.0) for name in NAMES), click.intercept]
    assert any(ranker.click.vector())


def test_scores_are_finite_for_any_weight() -> None:
    for weight in (-1e6, 1e6):
        scores = TwoHeads(["a"], initial_weights={"a": weight}).score_many(np.full((1, 1), 255, np.uint8))
        assert scores.dtype == np.float32
        assert scores[0, 0] == pytest.approx(float(weight > 0))


def test_log_loss_is_of_the_prediction_before_learning() -> None:
    ranker = TwoHeads(["a"], learning_rate=0.5)
    row = np.array([[255]], np.uint8)
    ranker.learn_many_rows(row, 0, purchased=False)
    assert ranker.log_loss.get() == pytest.approx(math.log(2))
    # one step of 0.5 * (1 - 0.5) on weight and intercept: logit 0.5
    ranker.learn_many_rows(row, 0, purchased=False)
    assert ranker.log_loss.total == pytest.approx(math.log(2) + math.log1p(math.exp(-0.5)))


def test_state_pickle_and_restore_continue_alike() -> None:
    original, restored = _taught(40), TwoHeads(NAMES)
    restored.restore(original.state())
    pickled: TwoHeads = pickle.loads(pickle.dumps(original))
    for twin in (original, restored, pickled):
        _taught(20, twin)
    for name, array in original.state().items():
        assert array.tobytes() == restored.state()[name].tobytes() == pickled.state()[name].tobytes()


def test_downsampled_negatives_are_undone() -> None:
    # a row without features is clicked once in 20; every click but only a fifth of the others is learned
    ranker, rng = TwoHeads(["a"], learning_rate=0.005), random.Random("headwater/downsampling")
    nothing = np.zeros((1, 1), np.uint8)
    for _ in range(40_000):
        hit = rng.random() < 0.05
        if hit or rng.random() < 0.2:
            ranker.learn_many_rows(nothing, 0 if hit else -1, purchased=False, sampling_rate=0.2)
    naive = ranker.score_many(nothing)[0, 0]
    unbiased = ranker.score_many(nothing, sampling_rate=0.2)[0, 0]
    # 0.05 / (0.05 + 0.95 / 5); SGD noise has a standard deviation of sqrt(rate / 2) = 0.05 in the logit
    assert naive == pytest.approx(0.208, rel=0.2)
    assert unbiased == pytest.approx(0.05, rel=0.2)


@given(st.floats(0.001, 0.999), st.floats(0.001, 1.0))
def test_correction_divides_the_odds(probability: float, rate: float) -> None:
    unbiased = corrected(probability, rate)
    assert unbiased / (1 - unbiased) == pytest.approx(rate * probability / (1 - probability))


def test_initial_weights_rank_before_anything_is_learned() -> None:
    ranker = TwoHeads(NAMES, initial_weights={"feature_3": 0.3})
    scores = ranker.score_many(255 * np.eye(25, dtype=np.uint8))
    assert int(ranking_score(scores, np.array([1.0, 5.0], np.float32)).argmax()) == 3
    with pytest.raises(ValueError, match="unheard"):
        TwoHeads(NAMES, initial_weights={"unheard": 1.0})
