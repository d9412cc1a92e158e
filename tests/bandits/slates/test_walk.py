"""Propensities of a walk down the slate: exact by enumeration, with and without constraints; and slates on record."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits import Constraints, Policy, make_policy
from bandits.checks import train
from tests.support.slate_constraints import LISTS, SHORT, SLOTS, Cap, constraints_of

POLICIES = ("q_learning", "sarsa", "disagreement", "ranked")
CASES = {
    "no constraints": (LISTS, [], {}),
    "one of a category": (LISTS, [Cap(2, 1, 9)], {}),
    "two caps, one on the first two slots": (LISTS, [Cap(2, 2, 9), Cap(3, 1, 2)], {}),
    "a pin of an item that is in the lists": (LISTS, [], {1: 3}),
    "a pin from elsewhere, counted by a cap above it": (LISTS, [Cap(2, 2, 9)], {2: 9}),
    "exhausted lists, and a pin that moves up": (SHORT, [Cap(2, 1, 9)], {2: 4}),
    "a slate that ends early": (SHORT, [Cap(2, 1, 9)], {}),
}  # fmt: skip


def branches(
    policy: Policy, lists: NDArray[np.int32], constraints: Constraints, above: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], float, float]]:
    """Every slate that can be drawn, its probability, and by how much some slot's propensities miss 1."""
    found = {
        item: float(policy.propensities(0, lists, np.array([*above, item], np.int32), constraints)[-1])
        for item in range(10)
        if item not in above
    }
    possible = {item: p for item, p in found.items() if p > 0}
    if len(above) == SLOTS or not possible:
        yield above, 1.0, 0.0
        return
    missing = abs(sum(possible.values()) - 1.0)
    for item, p in possible.items():
        for slate, rest, worst in branches(policy, lists, constraints, (*above, item)):
            yield slate, p * rest, max(missing, worst)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("case", CASES)
def test_propensities_are_exact(case: str, name: str) -> None:
    """By enumeration they sum to 1 slot by slot and over all slates; drawn slates agree with their product.

    A slate expected 20 times or more is off by more than 4.5 standard deviations with probability 7e-6; there are
    at most 60 slates in each of 28 cases.
    """
    lists, caps, pins = CASES[case]
    constraints = constraints_of(lists, caps, pins)
    policy = make_policy(name, sources=3, slots=SLOTS, n_states=1, **({} if name == "ranked" else {"epsilon": 0.5}))
    train(policy, 200, case)
    slates = list(branches(policy, lists, constraints))
    probability = {slate: p for slate, p, _ in slates}
    assert max(worst for _, _, worst in slates) < 1e-12
    assert sum(probability.values()) == pytest.approx(1.0, abs=1e-12)
    n, rng = 4000, np.random.default_rng(list(f"{case}/{name}".encode()))
    counts = dict.fromkeys(probability, 0)
    for _ in range(n):
        slate = policy.draw(0, lists, rng.random(SLOTS), constraints)
        counts[tuple(slate.items.tolist())] += 1
        expected = np.prod(slate.propensities, dtype=np.float64)
        assert expected == pytest.approx(probability[tuple(slate.items.tolist())], rel=1e-5)
    for shown, p in probability.items():
        if n * p >= 20:
            assert abs(counts[shown] - n * p) <= 4.5 * np.sqrt(n * p * (1 - p)) + 1e-6


@pytest.mark.parametrize("name", POLICIES)
def test_a_recorded_slate_has_the_propensities_it_was_drawn_with(name: str) -> None:
    policy, rng = make_policy(name, sources=3, slots=SLOTS, n_states=1), np.random.default_rng(4)
    train(policy, 100, "recorded")
    for caps in ([], [Cap(2, 1, 9)]):
        constraints = constraints_of(LISTS, caps, {1: 9})
        for _ in range(50):
            slate = policy.draw(0, LISTS, rng.random(SLOTS), constraints)
            found = policy.recorded_propensities(0, LISTS, slate.offered_ranks)
            assert found == pytest.approx(slate.propensities)
            assert found[1] == 1.0, "a pinned slot"


def test_lists_of_another_size_are_refused() -> None:
    policy = make_policy("sarsa", sources=2, slots=SLOTS, n_states=1)
    with pytest.raises(ValueError, match="one row for each source"):
        policy.draw(0, LISTS, np.zeros(SLOTS))
    with pytest.raises(ValueError, match="one column for each source"):
        policy.recorded_propensities(0, LISTS[:2], np.zeros((2, 3), np.uint8))
