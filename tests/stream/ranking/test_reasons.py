"""The largest contribution, noted as a slate is drawn, is that of the ablation written plainly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits import PINNED
from learners import Mixer
from learners.ranking.shares import columns_of, scores_of
from stream.ranking.features import SCORE, feature_names
from stream.ranking.reasons import groups, note_reasons, reason_names

SOURCES = ("popularity", "covisitation", "repeats")


@pytest.fixture
def mixer() -> Mixer:
    """One that has learned from random lists."""
    mixer, rng = Mixer([name for name in feature_names(SOURCES) if name != SCORE], units=16), np.random.default_rng(1)
    for _ in range(200):
        mixer.learn_one(rng.integers(0, 256, (12, len(mixer.names)), dtype=np.uint8))
    return mixer


def plainly(mixer: Mixer, rows: NDArray[np.uint8], place: int) -> str:
    """By whole scores of whole rows."""
    features = rows[:, : len(mixer.names)]
    average = features.mean(axis=0).round().astype(np.uint8)
    best, most = "", 0.0
    for name, columns in groups(SOURCES).items():
        without = features[place].copy()
        without[columns] = average[columns]
        with_it, less = mixer.score_many(np.array([features[place], without])).tolist()
        if with_it - less > most:
            above = int(features[place, columns].astype(int).sum()) > int(average[columns].astype(int).sum())
            best, most = name if above else f"less {name}", with_it - less
    return best


def note(
    mixer: Mixer, rows: NDArray[np.uint8], at: NDArray[np.int32], filled: NDArray[np.uint8], reasons: NDArray[np.uint8]
) -> None:
    """For rows of features, which become columns."""
    columns, units = columns_of(rows, rows.shape[1]), np.empty((mixer.units, len(rows)), np.float32)
    if len(rows) > 0:
        scores_of(mixer.arrays, columns, len(rows), units)
    note_reasons(mixer.arrays, len(SOURCES), columns, len(rows), units, at, filled, reasons)


@pytest.mark.parametrize("seed", range(5))
def test_the_largest_contribution_is_noted(mixer: Mixer, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 256, (40, len(mixer.names) + 1), dtype=np.uint8)
    rows[rng.random(rows.shape) < 0.6] = 0
    at, reasons = rng.permutation(40)[:10].astype(np.int32), np.full(10, 255, np.uint8)
    note(mixer, rows, at, np.zeros(10, np.uint8), reasons)
    names = reason_names(SOURCES)
    assert [names[reason] for reason in reasons] == [plainly(mixer, rows, place) for place in at.tolist()]
    assert len(set(reasons.tolist())) > 2


def test_pinned_items_and_those_that_are_no_candidates_have_none(mixer: Mixer) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (5, len(mixer.names)), dtype=np.uint8)
    reasons = np.full(3, 255, np.uint8)
    at, filled = np.array([-1, 2, 3], np.int32), np.array([0, PINNED, 0], np.uint8)
    note(mixer, rows, at, filled, reasons)
    assert reasons[:2].tolist() == [0, 0]
    assert reasons[2] > 0


def test_where_all_are_alike_nothing_speaks_for_one(mixer: Mixer) -> None:
    rows, reasons = np.full((4, len(mixer.names)), 9, np.uint8), np.full(1, 255, np.uint8)
    note(mixer, rows, np.zeros(1, np.int32), np.zeros(1, np.uint8), reasons)
    assert reasons.tolist() == [0]


def test_without_candidates_there_is_nothing_to_say(mixer: Mixer) -> None:
    reasons = np.full(1, 255, np.uint8)
    none = np.zeros((0, len(mixer.names)), np.uint8)
    note(mixer, none, np.array([-1], np.int32), np.array([PINNED], np.uint8), reasons)
    assert reasons.tolist() == [0]
