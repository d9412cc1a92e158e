"""All policies by name."""

import inspect
from collections.abc import Callable

from bandits.base import Policy
from bandits.disagreement import Disagreement
from bandits.q_learning import QLearning
from bandits.ranked import Ranked
from bandits.sarsa import Sarsa
from bandits.schedules import Schedule

POLICIES: dict[str, Callable[..., Policy]] = {
    Disagreement.name: Disagreement,
    QLearning.name: QLearning,
    Ranked.name: Ranked,
    Sarsa.name: Sarsa,
}
_SIZES = ("sources", "slots", "states")


def make_policy(name: str, *, sources: int, slots: int, states: int = 12, **options: float | Schedule) -> Policy:
    """Build the policy called ``name``; ``options`` are the keyword parameters of its class.

    Examples
    --------
    >>> make_policy("sarsa", sources=8, slots=20, epsilon=0.1).epsilon
    0.1
    >>> make_policy("salsa", sources=8, slots=20)
    Traceback (most recent call last):
    ValueError: policy 'salsa' is unknown; must be one of disagreement, q_learning, ranked, sarsa
    """
    if name not in POLICIES:
        raise ValueError(f"policy {name!r} is unknown; must be one of {', '.join(POLICIES)}")
    known = [option for option in inspect.signature(POLICIES[name]).parameters if option not in _SIZES]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(f"policy {name!r} has no option {unknown[0]!r}; must be one of {', '.join(known) or 'none'}")
    return POLICIES[name](sources=sources, slots=slots, states=states, **options)
