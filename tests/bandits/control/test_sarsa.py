"""SARSA in the gridworlds of Sutton and Barto."""

import numpy as np
import pytest

from bandits.control import Sarsa
from tests.support.gridworlds import cliff, windy_lengths


def test_cliff_walking() -> None:
    """Example 6.6: it learns the safe path. Mean return of many runs: -27.5."""
    mean, lengths = cliff(Sarsa)
    assert mean == pytest.approx(-27.5, abs=4.0)
    assert lengths[1] >= 15, lengths


def test_windy_gridworld() -> None:
    """The shortest path is found; the greedy one is a little longer later on, since it explores."""
    lengths = windy_lengths(Sarsa, decay=0.0)
    assert min(lengths) == 15
    assert float(np.median(lengths[10:])) <= 20
