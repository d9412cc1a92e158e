"""Which source is shown and which explored: probabilities by hand from given bounds."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits.slates.disagreement.choice import Differences, disagreement_pmf, no_bounds, work_out
from bandits.slates.offers import BUCKETS

LISTS = np.array([[1, 2], [3, 4], [5, 6]], np.int32)
SUMS = (3, BUCKETS, BUCKETS, 2, 3)
EPSILON, FLOOR = 0.2, 0.02


def _differences(lower: list[float], upper: list[float], cells: NDArray[np.float64] | None = None) -> Differences:
    """Bounds of every cell of each source; without ``cells`` nothing has been learned."""
    bounds = no_bounds(3)
    bounds[..., 0], bounds[..., 1] = (np.array(bound)[:, None, None] for bound in (lower, upper))
    sums = np.zeros(SUMS) if cells is None else cells
    return Differences(sums, sums, (0.1, 0.05, 0.01), (0.5, 1.0), (EPSILON, FLOOR), bounds)


def _pmf(differences: Differences, cursor: list[int], lists: NDArray[np.int32] = LISTS) -> list[float]:
    pmf = np.empty(3)
    disagreement_pmf(differences, lists, np.array(cursor), pmf)
    return pmf.tolist()


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ([0.0, -0.1, -0.2], [0.0, 0.1, 0.0], [0.8, 0.1, 0.1]),  # none is credibly better: the ranking
        ([0.0, 0.1, 0.2], [0.0, 0.5, 0.3], [0.1, 0.1, 0.8]),  # the largest lower bound above 0
        ([0.0, 0.1, -0.5], [0.0, 0.2, -0.1], [0.1, 0.89, 0.01]),  # credibly worse: explored at the floor
        ([0.0, 0.0, -0.1], [0.0, 0.1, 0.1], [0.8, 0.1, 0.1]),  # a lower bound of 0 does not suffice
    ],
)
def test_choice_and_exploration(lower: list[float], upper: list[float], expected: list[float]) -> None:
    assert _pmf(_differences(lower, upper), [0, 0, 0]) == pytest.approx(expected)


def test_sources_that_agree_with_the_ranking_get_nothing() -> None:
    agreeing = np.array([[1, 2], [1, 4], [5, 6]], np.int32)
    assert _pmf(_differences([0.0, 0.9, -0.1], [0.0, 1.0, 0.1]), [0, 0, 0], agreeing) == pytest.approx([0.9, 0.0, 0.1])


def test_an_exhausted_source_gets_nothing() -> None:
    assert _pmf(_differences([0.0, 0.9, -0.1], [0.0, 1.0, 0.1]), [0, 2, 0]) == pytest.approx([0.9, 0.0, 0.1])


def test_without_the_ranking_the_best_source_is_chosen_even_below_0() -> None:
    assert _pmf(_differences([0.0, -0.3, -0.1], [0.0, 0.1, 0.1]), [2, 0, 0]) == pytest.approx([0.0, 0.1, 0.9])


def test_bounds_are_worked_out_where_they_are_missing() -> None:
    """Without data the mean is 0 and the variance 0.1 ** 2 + 0.05 ** 2: bounds at -0.5 and +1 deviations."""
    differences = _differences([np.nan] * 3, [np.nan] * 3)
    work_out(differences, 1, 0, 0)
    deviation = (0.1**2 + 0.05**2) ** 0.5
    assert differences.bounds[1, 0, 0].tolist() == pytest.approx([-0.5 * deviation, deviation])
    assert np.isnan(differences.bounds[2]).all()
    assert _pmf(differences, [0, 0, 0]) == pytest.approx([0.8, 0.1, 0.1])
    assert not np.isnan(differences.bounds[2, 0, 0]).any()
