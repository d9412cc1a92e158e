"""Watkins's Q(lambda) in the windy gridworld."""

import numpy as np

from bandits.control import WatkinsQ
from tests.support.gridworlds import windy_lengths


def test_windy_gridworld() -> None:
    """The shortest path is found; the greedy one is a little longer later on, since it explores."""
    lengths = windy_lengths(WatkinsQ, decay=0.8)
    assert min(lengths) == 15
    assert float(np.median(lengths[10:])) <= 20
