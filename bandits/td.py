"""Temporal-difference errors: pure functions of numbers and arrays, one transition at a time.

Names follow RLax: ``_tm1`` is the state left, ``_t`` the state reached, and the end of an episode is
``discount_t = 0``. An error is ``target - estimate``; a learner moves its estimate by ``step * error``.

Plain Python functions which numba kernels call compiled: every formula stands here and nowhere else.

References
----------
Sutton and Barto (2018), Reinforcement Learning: An Introduction, 2nd ed., chapter 6.
"""

import numpy as np
from numba.extending import register_jitable
from numpy.typing import NDArray

Values = NDArray[np.float64]  # [actions]


@register_jitable
def td_learning(v_tm1: float, r_t: float, discount_t: float, v_t: float) -> float:
    """TD(0) error ``r_t + discount_t * v_t - v_tm1`` (Sutton 1988).

    Examples
    --------
    >>> td_learning(v_tm1=1.0, r_t=0.5, discount_t=0.9, v_t=2.0)
    1.3
    """
    return r_t + discount_t * v_t - v_tm1


@register_jitable
def sarsa(q_tm1: Values, a_tm1: int, r_t: float, discount_t: float, q_t: Values, a_t: int) -> float:
    """SARSA error: bootstrap on the action taken next (Rummery and Niranjan 1994).

    Examples
    --------
    >>> float(sarsa(np.array([1.0, 2.0]), 1, 0.5, 0.5, np.array([4.0, 8.0]), 0))
    0.5
    """
    return td_learning(q_tm1[a_tm1], r_t, discount_t, q_t[a_t])


@register_jitable
def expected_sarsa(
    q_tm1: Values, a_tm1: int, r_t: float, discount_t: float, q_t: Values, probabilities_a_t: Values
) -> float:
    """Expected SARSA error: bootstrap on the policy's mean over next actions (van Seijen et al. 2009).

    Examples
    --------
    >>> float(expected_sarsa(np.array([1.0, 2.0]), 1, 0.5, 0.5, np.array([4.0, 8.0]), np.array([0.25, 0.75])))
    2.0
    """
    return td_learning(q_tm1[a_tm1], r_t, discount_t, (q_t * probabilities_a_t).sum())


@register_jitable
def q_learning(q_tm1: Values, a_tm1: int, r_t: float, discount_t: float, q_t: Values) -> float:
    """Q-learning error: bootstrap on the best next action, taken or not (Watkins 1989).

    Examples
    --------
    >>> float(q_learning(np.array([1.0, 2.0]), 1, 0.5, 0.5, np.array([4.0, 8.0])))
    2.5
    """
    return td_learning(q_tm1[a_tm1], r_t, discount_t, q_t.max())


@register_jitable
def double_q_learning(
    q_tm1: Values, a_tm1: int, r_t: float, discount_t: float, q_t_value: Values, q_t_selector: Values
) -> float:
    """Double Q-learning error: one table picks the next action, the other values it (van Hasselt 2010).

    Examples
    --------
    >>> float(double_q_learning(np.array([1.0, 2.0]), 1, 0.5, 0.5, np.array([4.0, 8.0]), np.array([9.0, 0.0])))
    0.5
    """
    return td_learning(q_tm1[a_tm1], r_t, discount_t, q_t_value[q_t_selector.argmax()])
