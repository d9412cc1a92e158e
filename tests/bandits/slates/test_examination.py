import numpy as np
import pytest

from bandits import Examination, prior_theta

SLOTS, SOURCES = 5, 3


def _simulate(truth: list[float], slates: int, fixed: bool = False) -> Examination:
    """Sources of different quality change places; the user takes the first attractive item examined."""
    rng = np.random.default_rng(list(b"examination"))
    chance = np.array([0.02, 0.05, 0.1])
    examination = Examination(sources=SOURCES, slots=SLOTS, fixed=fixed)
    offered_ranks = np.zeros((SLOTS, SOURCES), np.uint8)
    for _ in range(slates):
        drawn = rng.integers(0, SOURCES, SLOTS).astype(np.uint8)
        hits = np.flatnonzero(rng.random(SLOTS) < np.array(truth) * chance[drawn])
        examination.learn_one(int(hits[0]) if hits.size else -1, offered_ranks, drawn)
    return examination


def test_prior_examination_by_hand() -> None:
    assert prior_theta(4).tolist() == pytest.approx([1.0, 2**-0.5, 3**-0.5, 0.5])


def test_estimate_finds_the_truth() -> None:
    """A slot has about 30,000 * 0.055 * theta hits: 165 to 1,650.

    The standard error of a ratio of two Poisson counts is 8 % for the last slot, 4 % for the second. The
    first attractive item wins, so a lower slot loses 5.5 % of its hits for each fully examined slot above,
    up to 13 %. Four standard errors and that bias bound the estimate.
    """
    truth = [1.0, 0.8, 0.4, 0.2, 0.1]
    theta = _simulate(truth, 30_000).theta
    hits = 30_000 * 0.17 / 3 * np.array(truth)
    error = 4 * np.sqrt(1 / hits + 1 / hits[0]) + 0.13
    assert theta[0] == 1.0
    assert (np.abs(theta[1:] / truth[1:] - 1.0) < error[1:]).all()


def test_fixed_stays_at_the_prior() -> None:
    assert _simulate([1.0, 0.8, 0.4, 0.2, 0.1], 600, fixed=True).theta.tolist() == prior_theta(SLOTS).tolist()


def test_refreshed_every_500_slates() -> None:
    assert _simulate([1.0] * SLOTS, 499).theta.tolist() == prior_theta(SLOTS).tolist()
    assert _simulate([1.0] * SLOTS, 500).theta.tolist() != prior_theta(SLOTS).tolist()


def test_weights_stay_within_bounds_whatever_comes() -> None:
    for hit in (-1, 0, SLOTS - 1):
        examination = Examination(sources=SOURCES, slots=SLOTS, forgetting=1e-2)
        offered_ranks, drawn = np.zeros((SLOTS, SOURCES), np.uint8), np.zeros(SLOTS, np.uint8)
        for _ in range(5_000):
            examination.learn_one(hit, offered_ranks, drawn)
        assert examination.theta[0] == 1.0
        assert ((examination.theta >= 0.01) & (examination.theta <= 1.0)).all()
