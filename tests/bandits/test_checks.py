"""Every policy under every law, and laws that catch a policy which breaks them."""

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits import NO_CONSTRAINTS, POLICIES, Constraints, Outcome, PowerDecay, Sarsa, Slate, make_policy, yield_checks
from bandits.checks import Check, LawBrokenError

_POLICIES = [make_policy(name, sources=4, slots=5, n_states=3) for name in POLICIES] + [
    Sarsa(sources=3, slots=4, n_states=2, epsilon=PowerDecay(start=1.0, floor=0.1, scale=50.0)),
]


@pytest.mark.parametrize(
    "check", [pytest.param(check, id=check.id) for policy in _POLICIES for check in yield_checks(policy)]
)
def test_policy_obeys(check: Check) -> None:
    check.run()


class _Biased(Sarsa):
    """Claims its probabilities, but draws with other numbers."""

    def draw(
        self,
        state: int,
        lists: NDArray[np.int32],
        uniforms: NDArray[np.float64],
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> Slate:
        return super().draw(state, lists, uniforms**2, constraints)


class _Forgetful(Sarsa):
    """Leaves its values out of the snapshot."""

    def state(self) -> dict[str, NDArray[np.generic]]:
        return {name: array for name, array in super().state().items() if name != "baseline"}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        super().restore(saved)


class _Counting(Sarsa):
    """Changes when it draws."""

    def draw(
        self,
        state: int,
        lists: NDArray[np.int32],
        uniforms: NDArray[np.float64],
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> Slate:
        self._steps += 1
        return super().draw(state, lists, uniforms, constraints)


class _Hoarding(Sarsa):
    """Keeps every outcome."""

    def __init__(self) -> None:
        super().__init__(sources=4, slots=5, n_states=3)
        self.outcomes: list[Outcome] = []

    def learn_one(self, outcome: Outcome) -> float:
        self.outcomes.append(outcome)
        return super().learn_one(outcome)


@pytest.mark.parametrize(
    ("policy", "law"),
    [
        (_Biased(sources=4, slots=5, epsilon=0.5), "check_draws_match_propensities"),
        (_Forgetful(sources=4, slots=5), "check_restore"),
        (_Counting(sources=4, slots=5), "check_draw_changes_nothing"),
        (_Hoarding(), "check_bounded_state"),
    ],
)
def test_law_catches(policy: Sarsa, law: str) -> None:
    (check,) = [check for check in yield_checks(policy) if check.id == f"sarsa:{law}"]
    with pytest.raises(LawBrokenError, match="policy 'sarsa'"):
        check.run()
