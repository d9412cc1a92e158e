"""All slate policies by name: the built-in ones, and those that installed distributions offer.

A distribution offers a policy by an entry point of the group `headwater.policies`; see docs/policies.md.
"""

import dataclasses
import inspect
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, cast

from bandits.base import Policy
from bandits.slates.arms import SlateEpsilonGreedy, SlateExp3, SlateSoftmax, SlateThompson, SlateUCB
from bandits.slates.disagreement import Disagreement
from bandits.slates.q_learning import QLearning
from bandits.slates.ranked import Ranked
from bandits.slates.sarsa import Sarsa

GROUP = "headwater.policies"
POLICIES: dict[str, Callable[..., Policy]] = {
    Disagreement.name: Disagreement,
    QLearning.name: QLearning,
    Ranked.name: Ranked,
    Sarsa.name: Sarsa,
    SlateEpsilonGreedy.name: SlateEpsilonGreedy,
    SlateExp3.name: SlateExp3,
    SlateSoftmax.name: SlateSoftmax,
    SlateThompson.name: SlateThompson,
    SlateUCB.name: SlateUCB,
}
VERBS = ("draw", "propensities", "recorded_propensities", "learn_one", "state", "restore")
_SIZES = ("sources", "slots", "n_states")


def policy_names() -> list[str]:
    """Names of all policies that are there, sorted.

    >>> policy_names()[:2]
    ['disagreement', 'epsilon_greedy']
    """
    return sorted({*POLICIES, *(point.name for point in entry_points(group=GROUP))})


def policy_class(name: str) -> Callable[..., Policy]:
    """What makes the policy called ``name``.

    Raises
    ------
    ValueError
        if there is none of that name, or what is installed under it cannot be used
    """
    if name in POLICIES:
        return POLICIES[name]
    for point in entry_points(group=GROUP, name=name):
        try:
            found = point.load()
        except Exception as error:  # an installed module may raise anything
            raise ValueError(
                f"policy {name!r}: {point.value} must be importable; got {type(error).__name__}: {error}"
            ) from error
        missing = [verb for verb in VERBS if not callable(getattr(found, verb, None))]
        if missing or getattr(found, "name", None) != name:
            raise ValueError(
                f"policy {name!r}: {point.value} must have every verb of bandits.Policy and the name {name!r}; it has "
                f"the name {getattr(found, 'name', None)!r}" + (f" and lacks {', '.join(missing)}" if missing else "")
            )
        return cast("Callable[..., Policy]", found)
    raise ValueError(f"policy {name!r} is unknown; must be one of {', '.join(policy_names())}")


def policy_parameters(name: str) -> list[str]:
    """Options of a policy: its keyword parameters without its sizes; a dataclass ``tuning`` counts as its fields.

    >>> policy_parameters("ranked"), policy_parameters("disagreement")[-3:]
    ([], ['doubt', 'cap', 'cap_pooled'])
    """
    kind = policy_class(name)
    named = [option for option in inspect.signature(kind).parameters if option not in (*_SIZES, "tuning")]
    return named + [field.name for field in _tuning_fields(kind)]


def _tuning_fields(kind: Callable[..., Policy]) -> tuple[dataclasses.Field[Any], ...]:
    """Fields of the dataclass that is the default of a parameter called ``tuning``; none without such a parameter."""
    tuning = inspect.signature(kind).parameters.get("tuning")
    return dataclasses.fields(tuning.default) if tuning and dataclasses.is_dataclass(tuning.default) else ()


def make_policy(name: str, *, sources: int, slots: int, n_states: int = 12, **options: Any) -> Policy:
    """Build the policy called ``name``; ``options`` are the keyword parameters of its class.

    Examples
    --------
    >>> make_policy("sarsa", sources=8, slots=20, epsilon=0.1).epsilon
    0.1
    >>> make_policy("salsa", sources=8, slots=20)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: policy 'salsa' is unknown; must be one of disagreement, epsilon_greedy, exp3, q_learning, ranked, ...
    """
    known = policy_parameters(name)
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(f"policy {name!r} has no option {unknown[0]!r}; must be one of {', '.join(known) or 'none'}")
    kind = policy_class(name)
    chosen = {field.name: options.pop(field.name) for field in _tuning_fields(kind) if field.name in options}
    if chosen:
        options["tuning"] = dataclasses.replace(inspect.signature(kind).parameters["tuning"].default, **chosen)
    return kind(sources=sources, slots=slots, n_states=n_states, **options)
