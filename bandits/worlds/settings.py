"""The shop's settings: what shoppers want, and how much the ranking knows of it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bandits.slates.states import STATES

BROWSE, RETURN, TREND, NOVELTY = range(4)  # what a shopper wants: similar, seen before, in fashion, new
MODES = 4


def _by_state() -> NDArray[np.float64]:
    """Chance of every mode in every state, [12, 4], before the drift."""
    mix = np.empty((STATES, MODES))
    for state in range(STATES):
        depth, known = divmod(state, 3)
        if known == 0:
            mix[state] = (0.30, 0.05, 0.55, 0.10)  # a new user looks at what others look at
        else:
            mix[state] = (
                (0.20, 0.55, 0.10, 0.15),
                (0.60, 0.20, 0.05, 0.15),
                (0.45, 0.10, 0.05, 0.40),
                (0.2, 0.2, 0.05, 0.55),
            )[depth]
    return mix


def _after_drift() -> NDArray[np.float64]:
    """The same shoppers want something else: what is new first, what they know last."""
    return _by_state()[:, [BROWSE, NOVELTY, TREND, RETURN]]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One kind of shop.

    Parameters
    ----------
    about
        What it is for.
    noise
        Standard deviation of what the ranking adds to the true utility.
    knows_modes
        Whether the ranking knows how often shoppers in a state want each; else it assumes that all are equally likely.
    flat
        Whether all sources are equally good: each draws at random from the ranking's best hundred.
    chain
        Whether a hit decides how long the session lasts: browsing lengthens it, what is in fashion ends it.
    mix, later
        Chance of every mode in every state, [12, 4], before and after the drift half way.
    """

    about: str
    noise: float
    knows_modes: bool = False
    flat: bool = False
    chain: bool = False
    mix: NDArray[np.float64] = field(default_factory=_by_state)
    later: NDArray[np.float64] = field(default_factory=_after_drift)


SETTINGS = {
    "state": Setting(about="a noisy ranking; which source is best depends on the state", noise=2.0),
    "strong": Setting(about="a ranking that is nearly always best", noise=0.3, knows_modes=True),
    "flat": Setting(about="all sources are equally good", noise=1.0, knows_modes=True, flat=True),
    "chain": Setting(about="a hit lengthens the session or ends it: foresight pays", noise=2.0, chain=True),
}
