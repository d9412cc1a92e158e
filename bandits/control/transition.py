"""What an agent learns from, complete in itself."""

from typing import Any, NamedTuple

from numpy.typing import NDArray

State = Any  # the number of a state for `Table`, float64 [features] for `Linear`


class Step(NamedTuple):
    """One earlier step of the trail, with its share of later errors."""

    s: State
    a: int
    weight: float  # in (0, 1]


class Transition(NamedTuple):
    """One step: names as in the papers, `_tm1` is the state left, `_t` the state reached."""

    s_tm1: State
    a_tm1: int
    r_t: float
    discount_t: float  # in [0, 1]; 0 at the end of an episode
    s_t: State
    a_t: int = 0  # the next action; read by SARSA
    pmf_t: NDArray[Any] | None = None  # [actions], of drawing it; read by Expected SARSA
    coin: float = 0.0  # in [0, 1), drawn with the action; read by double Q-learning
    trail: tuple[Step, ...] = ()  # steps before, newest first; read by the methods with traces


def extended(
    trail: tuple[Step, ...], s: State, a: int, decay: float, *, most: int = 20, least: float = 0.01, cut: bool = False
) -> tuple[Step, ...]:
    """Trail after one more step of an episode.

    An eligibility trace as a list: bounded, and part of the transition, so an agent needs no memory of episodes. A
    step that is missing from a trail (its feedback was lost) gets no share of later errors; nothing else goes wrong.

    Parameters
    ----------
    decay
        ``discount * lambda``: what is left of an older step's share with every newer one.
    most, least
        Steps that are kept, and the smallest share worth keeping: 0.9 per step falls below 0.01 after 44.
    cut
        Whether the step was an exploratory one, after which Watkins's method starts a new trail.

    Examples
    --------
    >>> extended(extended((), 3, 0, 0.5), 4, 1, 0.5)
    (Step(s=4, a=1, weight=0.5), Step(s=3, a=0, weight=0.25))
    """
    if cut:
        return ()
    older = [Step(step.s, step.a, step.weight * decay) for step in (Step(s, a, 1.0), *trail)]
    return tuple(step for step in older[:most] if step.weight >= least)
