"""From values to probabilities, and the only draw.

Plain functions which numba kernels call compiled. A probability for every arm comes out, so what was
shown has a propensity, and a test can look at probabilities instead of samples.
"""

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray


@register_jitable
def epsilon_greedy(values: NDArray[np.float64], live: NDArray[np.bool_], epsilon: float) -> NDArray[np.float64]:
    """Probability of every arm: ``epsilon / n_live``, and ``1 - epsilon`` more for the best live arm.

    Parameters
    ----------
    values
        Estimated value of each arm, shape ``[arms]``. Equal values: the lowest index is the best.
    live
        Which arms can be played, shape ``[arms]``. The others get 0.
    epsilon
        Share of the probability that is spread evenly, in [0, 1].

    Examples
    --------
    >>> epsilon_greedy(np.array([0.1, 0.9, 0.5]), np.array([True, False, True]), epsilon=0.2).tolist()
    [0.1, 0.0, 0.9]
    """
    pmf = np.zeros(values.size)
    best = -1
    n_live = 0
    for arm in range(values.size):
        if live[arm]:
            n_live += 1
            if best < 0 or values[arm] > values[best]:
                best = arm
    if n_live == 0:
        return pmf
    for arm in range(values.size):
        if live[arm]:
            pmf[arm] = epsilon / n_live
    pmf[best] += 1.0 - epsilon
    return pmf


@register_jitable
def draw(pmf: NDArray[np.float64], u: float) -> int:
    """Arm at which the cumulated probability first exceeds ``u``, a uniform number in [0, 1).

    Where rounding leaves the sum at or below ``u``, the last arm of positive probability; never an arm
    of probability 0. Minus 1 if there is no other.

    Examples
    --------
    >>> [draw(np.array([0.25, 0.0, 0.75]), u) for u in (0.0, 0.2499, 0.25, 0.9999)]
    [0, 0, 2, 2]
    """
    cumulated = 0.0
    last = -1
    for arm in range(pmf.size):
        if pmf[arm] > 0.0:
            last = arm
            cumulated += pmf[arm]
            if u < cumulated:
                break
    return last
