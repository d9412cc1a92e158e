"""One score out of mixer and heads."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from river import linear_model, utils

from learners.ranking.heads import Head
from stream import config
from stream.ranking.features import NEW_SINCE, OWN, SCORE, feature_names
from stream.ranking.score import HEAD_FEATURES, HEAD_NEGATIVES, SCORE_RANGE, Ranking, Weights
from stream.records.log import Rows

SOURCES = ("one", "two")
WIDTH = len(feature_names(SOURCES))
WEIGHTS = Weights(1.0, 0.0, 0.0)


def ranking() -> Ranking:
    return Ranking(SOURCES, config.Ranking())


def features(n: int, seed: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, WIDTH)).astype(np.uint8)


def taught(settings: Ranking, steps: int = 300) -> Ranking:
    """Taken is the candidate with the most of the first column."""
    for n in range(steps):
        found = features(9, n)
        _, rows = settings.score_many(found, WEIGHTS)
        rows = rows[np.argsort(-found[:, 0].astype(int), kind="stable")]
        settings.learn_one(Rows(rows.tobytes(), True, 4, 4 / 8), purchased=n % 3 == 0)
    return settings


def test_columns_are_features_and_the_mixers_score() -> None:
    assert ranking().columns == (*feature_names(SOURCES), SCORE)
    assert set(HEAD_FEATURES) <= {SCORE, *OWN}


def test_the_score_column_is_the_logarithm_of_the_mixers_share() -> None:
    found = taught(ranking())
    table = features(50)
    shares = found.mixer.shares(table)
    _, rows = found.score_many(table, WEIGHTS)
    assert np.array_equal(rows[:, :-1], table)
    expected = [round(255 * max(0.0, 1 + math.log(share) / SCORE_RANGE)) for share in shares.tolist()]
    assert np.abs(rows[:, -1].astype(int) - expected).max() <= 1


def test_the_ranking_score_is_the_weighted_sum() -> None:
    table = features(30)
    parts = taught(ranking())
    scores, rows = parts.score_many(table, Weights(2.0, 0.5, 3.0))
    click, purchase = parts.probabilities(rows).T
    assert scores == pytest.approx(2.0 * parts.mixer.shares(table) + 0.5 * click + 3.0 * purchase, rel=1e-5)
    plain, _ = taught(ranking()).score_many(table, WEIGHTS)
    assert plain == pytest.approx(parts.mixer.shares(table), rel=1e-5)


def rivers(head: Head) -> Any:
    """River's model with the weights of a head."""
    *weights, intercept = head.vector()
    model = linear_model.LogisticRegression()
    model._weights = utils.VectorDict(dict(zip(HEAD_FEATURES, weights, strict=True)))
    model.intercept = intercept
    return model


def test_heads_predict_the_same_as_rivers_predict_one() -> None:
    found = taught(ranking())
    _, rows = found.score_many(features(12), WEIGHTS)
    picked = [found.columns.index(name) for name in HEAD_FEATURES]
    rate = HEAD_NEGATIVES / 11
    for row, (click, purchase) in zip(rows, found.probabilities(rows), strict=True):
        x = {name: row[at] / 255 for name, at in zip(HEAD_FEATURES, picked, strict=True) if row[at]}
        click_head, purchase_head = rivers(found.heads.click), rivers(found.heads.purchase)
        p = click_head.predict_proba_one(x)[True]
        p = p * rate / (p * rate + 1 - p)
        assert float(click) == pytest.approx(p, rel=1e-4)
        assert float(purchase) == pytest.approx(p * purchase_head.predict_proba_one(x)[True], rel=1e-4)


def test_from_a_miss_only_the_heads_learn() -> None:
    found = ranking()
    before = found.mixer.state()["linear"].copy()
    _, rows = found.score_many(features(5), WEIGHTS)
    losses = found.learn_one(Rows(rows.tobytes(), False, 3, 3 / 9), purchased=False)
    assert losses.listwise is None
    assert losses.click > 0
    assert np.array_equal(found.mixer.state()["linear"], before)
    assert found.heads.state()["steps"].tolist() == [HEAD_NEGATIVES, 0]


def test_rows_of_an_older_log_teach_as_if_nothing_were_new() -> None:
    found, twin = ranking(), ranking()
    _, rows = found.score_many(features(9), WEIGHTS)
    place = found.columns.index(NEW_SINCE)
    rows[:, place] = 0
    narrow = Rows(np.delete(rows, place, axis=1).tobytes(), True, 4, 0.5)
    with pytest.raises(ValueError, match="rows must be of"):
        found.check(narrow)
    learned = found.learn_one(found.widened(narrow), purchased=False)
    assert learned == twin.learn_one(Rows(rows.tobytes(), True, 4, 0.5), purchased=False)


def test_losses_fall() -> None:
    found = ranking()
    _, rows = found.score_many(features(9), WEIGHTS)
    losses = [found.learn_one(Rows(rows.tobytes(), True, 4, 0.5), purchased=False) for _ in range(30)]
    listwise = [loss.listwise for loss in losses if loss.listwise is not None]
    assert len(listwise) == 30
    assert all(later < earlier for earlier, later in pairwise(listwise))
    assert losses[-1].click < losses[0].click


def test_nothing_to_rank() -> None:
    scores, rows = ranking().score_many(np.empty((0, WIDTH), np.uint8), WEIGHTS)
    assert scores.shape == (0,)
    assert rows.shape == (0, WIDTH + 1)
