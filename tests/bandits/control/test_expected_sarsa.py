"""Expected SARSA on the cliff."""

import pytest

from bandits.control import ExpectedSarsa
from tests.support.gridworlds import cliff


def test_cliff_walking() -> None:
    """Example 6.6: it learns the safe path. Mean return of many runs: -21.0."""
    mean, lengths = cliff(ExpectedSarsa)
    assert mean == pytest.approx(-21.0, abs=4.0)
    assert lengths[1] >= 15, lengths
