r"""Off-policy estimators for slates, from the propensity of every item given the items above it.

``ratio[t, j]`` is P_e(item in slot j | items above) / P_b(the same), ``reward[t, j]`` the reward that slot j brought.
Let W_j = ratio_0 ... ratio_j, and W_-1 = 1. An item's propensity adds up all sources that offered it: to mix it with
the probability of the source drawn is wrong by tens of percent.

| estimator | a slate's addend | needs |
| --- | --- | --- |
| `whole_slate` | W_last sum_j r_j | nothing more; the weight is a product over all slots |
| `reward_interaction` | sum_j W_j r_j | what a slot brings does not depend on the slots below it |
| `cascade_dr` | sum_j [W_j (r_j - m_j) + W_(j-1) sum_i P_e(i, above) m_j(i)] | the same; any model m |

Slates shorter than others are padded with ratio 1 and reward 0. A user who scans from the top and takes the first item
they like makes `reward_interaction` exact; one who acts on their own, whatever is shown, biases it by less than a
thousandth.

References
----------
McInerney et al. (2020), Counterfactual evaluation of slate recommendations with sequential reward interactions.
Kiyohara et al. (2022), Doubly robust off-policy evaluation for ranking policies under the cascade behavior model.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.base import EXHAUSTED, OTHER
from bandits.ope.estimators import Addends, Floats

Slots = NDArray[np.float64]  # [rounds, slots]


def whole_slate(ratio: Slots, reward: Slots, *, normalised: bool = False) -> Addends:
    """IPS on whole slates; ``normalised``: divided by the mean weight (SNIPS).

    Examples
    --------
    >>> whole_slate(np.array([[2.0, 0.5], [1.0, 3.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])).value
    2.0
    """
    weight = ratio.prod(axis=1)
    return Addends(weight * reward.sum(axis=1), weight if normalised else np.ones(len(weight)))


def reward_interaction(ratio: Slots, reward: Slots, most: float = np.inf) -> Addends:
    """IPS up to each slot, with weights of at most ``most``.

    Examples
    --------
    >>> reward_interaction(np.array([[2.0, 0.5], [1.0, 3.0]]), np.array([[1.0, 0.0], [0.0, 1.0]])).value
    2.5
    """
    weight = np.minimum(np.cumprod(ratio, axis=1), most)
    return Addends((weight * reward).sum(axis=1), np.ones(len(ratio)))


def cascade_dr(ratio: Slots, reward: Slots, model: Slots, expected: Slots) -> Addends:
    """Doubly robust, slot by slot; padding must have model and expectation 0.

    Parameters
    ----------
    model
        The reward model's value of each item shown, in its slot.
    expected
        Mean of the model over the items that the candidate may show in the slot, given the items above.

    Examples
    --------
    >>> cascade_dr(np.array([[2.0, 0.5]]), np.array([[1.0, 0.0]]), np.array([[0.5, 0.4]]), np.array([[0.6, 0.3]])).value
    1.8
    """
    weight = np.cumprod(ratio, axis=1)
    before = np.concatenate([np.ones((len(ratio), 1)), weight[:, :-1]], axis=1)
    return Addends((weight * (reward - model) + before * expected).sum(axis=1), np.ones(len(ratio)))


class Alternatives(NamedTuple):
    """Every item that could have stood in a slot given the items above it, one row each."""

    slot: NDArray[np.int64]  # [rows], ascending
    item: NDArray[np.int32]  # [rows]
    shown: NDArray[np.bool_]  # [rows], whether it is the one that was
    offered_ranks: NDArray[np.uint8]  # [rows, sources], the slot's record had this item been shown: what policies read


@njit(cache=True)
def alternatives(lists: NDArray[np.int32], offered_ranks: NDArray[np.uint8]) -> Alternatives:
    """All that the sources offered in each slot of a slate on record.

    A policy's ``recorded_propensities(state, lists, found.offered_ranks)`` are the probabilities of all rows at once;
    those of one slot add up to 1. A pinned slot has no row: nothing else could have stood there.

    Parameters
    ----------
    lists
        Items of each source, best first, shape ``[sources, depth]``.
    offered_ranks
        The slate's record, shape ``[slots, sources]``.

    Examples
    --------
    >>> lists = np.array([[7, 8], [8, 5]], np.int32)
    >>> found = alternatives(lists, np.array([[0, 128], [129, 1]], np.uint8))
    >>> found.slot.tolist(), found.item.tolist(), found.shown.tolist()
    ([0, 0, 1, 1], [7, 8, 8, 5], [True, False, False, True])
    >>> found.offered_ranks.tolist()
    [[0, 128], [128, 0], [1, 129], [129, 1]]
    """
    slots, sources = offered_ranks.shape
    slot = np.empty(slots * sources, np.int64)
    item = np.empty(slots * sources, np.int32)
    shown = np.empty(slots * sources, np.bool_)
    rows = np.empty((slots * sources, sources), np.uint8)
    n = 0
    for j in range(slots):
        start = n
        for a in range(sources):
            if offered_ranks[j, a] == EXHAUSTED:
                continue
            offered = lists[a, offered_ranks[j, a] % OTHER]
            if offered in item[start:n]:
                continue
            slot[n], item[n], shown[n] = j, offered, offered_ranks[j, a] < OTHER
            for b in range(sources):
                rank = offered_ranks[j, b] % OTHER
                if offered_ranks[j, b] == EXHAUSTED:
                    rows[n, b] = EXHAUSTED
                else:
                    rows[n, b] = rank if lists[b, rank] == offered else OTHER + rank
            n += 1
    return Alternatives(slot[:n], item[:n], shown[:n], rows[:n])


def ratios(candidate: Floats, logged: Floats) -> Floats:
    """Candidate's probability of each item shown, over the logged one. Raises ValueError where that is not above 0.

    Examples
    --------
    >>> ratios(np.array([0.5, 0.0]), np.array([0.25, 0.5])).tolist()
    [2.0, 0.0]
    """
    if len(logged) and logged.min() <= 0.0:
        raise ValueError(f"logged propensities must be above 0: what was shown had a chance; got {logged.min()}")
    return candidate / logged
