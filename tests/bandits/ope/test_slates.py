"""Slate estimators against a world whose values are known exactly."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits import EXHAUSTED, OTHER, make_policy
from bandits.ope import (
    Addends,
    alternatives,
    cascade_dr,
    ratios,
    reward_interaction,
    whole_slate,
)

Floats = NDArray[np.float64]


SLOTS = 3


LISTS = np.array([[0, 1, 2, 3], [1, 0, 4, 5], [6, 1, -1, -1], [2, -1, -1, -1], [5, 6, 0, 2]], np.int32)


TAKEN = np.array([0.3, 0.1, 0.4, 0.2, 0.6, 0.05, 0.5])  # chance that an item that is looked at is taken


WORTH = np.array([1.0, 10.0, 2.0, 5.0, 1.0, 20.0, 3.0])


def record(lists: NDArray[np.int32], slate: tuple[int, ...]) -> NDArray[np.uint8]:
    """Heads of every slot, found the slow way."""
    rows = []
    for j, item in enumerate(slate):
        row = []
        for source in lists.tolist():
            left = [(rank, head) for rank, head in enumerate(source) if head >= 0 and head not in slate[:j]]
            row.append(EXHAUSTED if not left else left[0][0] + (0 if left[0][1] == item else OTHER))
        rows.append(row)
    return np.array(rows, np.uint8)


def offered(lists: NDArray[np.int32], above: tuple[int, ...]) -> set[int]:
    offered_ranks = (next((i for i in source if i >= 0 and i not in above), None) for source in lists.tolist())
    return {head for head in offered_ranks if head is not None}


def slates(lists: NDArray[np.int32], above: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    if len(above) == SLOTS:
        yield above
        return
    for item in sorted(offered(lists, above)):
        yield from slates(lists, (*above, item))


def brought(slate: tuple[int, ...]) -> Floats:
    """What each slot brings in the mean to someone who scans from the top and takes the first item they like."""
    looked = np.concatenate([[1.0], np.cumprod(1.0 - TAKEN[list(slate)])[:-1]])
    return np.asarray(looked * TAKEN[list(slate)] * WORTH[list(slate)])


class World:
    """All slates that two policies can draw, with the probability of each, and what each brings in the mean."""

    def __init__(self) -> None:
        logged, candidate = (
            make_policy("sarsa", sources=5, slots=SLOTS, n_states=1, epsilon=0.6),
            make_policy("q_learning", sources=5, slots=SLOTS, n_states=1, epsilon=0.3),
        )
        rng = np.random.default_rng(7)
        logged.state()["q"][...] = rng.random((1, 5, 4))
        candidate.state()["q"][...] = rng.random((1, 5, 4))
        self.slates = list(slates(LISTS))
        self.records = [record(LISTS, slate) for slate in self.slates]
        self.logged = np.array(
            [logged.recorded_propensities(0, LISTS, offered_ranks) for offered_ranks in self.records]
        )
        self.wanted = np.array(
            [candidate.recorded_propensities(0, LISTS, offered_ranks) for offered_ranks in self.records]
        )
        self.reward = np.array([brought(slate) for slate in self.slates])
        self.candidate = candidate

    @property
    def value(self) -> float:
        return float(self.wanted.prod(axis=1) @ self.reward.sum(axis=1))

    def mean_of(self, addends: Addends) -> float:
        """Expectation of an estimator whose denominator is 1: linear in the rewards, so their means will do."""
        return float(self.logged.prod(axis=1) @ addends.numerator)

    def models(self, worth: Floats) -> tuple[Floats, Floats]:
        """A reward model's values of what was shown, and the candidate's means of it."""
        model, expected = np.zeros_like(self.reward), np.zeros_like(self.reward)
        for n, offered_ranks in enumerate(self.records):
            found = alternatives(LISTS, offered_ranks)
            chance = self.candidate.recorded_propensities(0, LISTS, found.offered_ranks)
            values = worth[found.item] / (1.0 + found.slot)
            np.add.at(expected[n], found.slot, chance * values)
            model[n, found.slot[found.shown]] = values[found.shown]
        return model, expected


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def test_probabilities_of_the_world_sum_to_one(world: World) -> None:
    assert len(world.slates) > 50
    assert world.logged.prod(axis=1).sum() == pytest.approx(1.0, abs=1e-12)
    assert world.wanted.prod(axis=1).sum() == pytest.approx(1.0, abs=1e-12)
    assert abs(world.value - world.logged.prod(axis=1) @ world.reward.sum(axis=1)) > 0.05  # they are not alike


def test_whole_slates_and_slots_are_unbiased(world: World) -> None:
    ratio = world.wanted / world.logged
    assert world.mean_of(whole_slate(ratio, world.reward)) == pytest.approx(world.value, abs=1e-12)
    assert world.mean_of(reward_interaction(ratio, world.reward)) == pytest.approx(world.value, abs=1e-12)


@pytest.mark.parametrize("worth", [np.zeros(7), TAKEN * WORTH, np.arange(7.0) ** 2])
def test_cascade_is_unbiased_with_any_model(world: World, worth: Floats) -> None:
    ratio = world.wanted / world.logged
    addends = cascade_dr(ratio, world.reward, *world.models(worth))
    assert world.mean_of(addends) == pytest.approx(world.value, abs=1e-12)


def test_a_good_model_lowers_the_variance(world: World) -> None:
    ratio, chance = world.wanted / world.logged, world.logged.prod(axis=1)
    plain, helped = (
        reward_interaction(ratio, world.reward),
        cascade_dr(ratio, world.reward, *world.models(0.8 * TAKEN * WORTH)),
    )
    assert chance @ helped.numerator**2 < 0.9 * (chance @ plain.numerator**2)


def test_the_known_mistakes_are_found_biased(world: World) -> None:
    """Probabilities not renormalised over live sources; an item's chance over that of one source that offered it."""
    live = np.array([[row != EXHAUSTED for row in offered_ranks] for offered_ranks in world.records]).mean(axis=2)
    careless = world.wanted * live / world.logged
    assert abs(world.mean_of(whole_slate(careless, world.reward)) / world.value - 1.0) > 0.005
    shared = np.array([[(row < OTHER).sum() for row in offered_ranks] for offered_ranks in world.records])
    mixed = world.wanted / (world.logged / shared)
    assert abs(world.mean_of(whole_slate(mixed, world.reward)) / world.value - 1.0) > 0.1


def test_alternatives_are_all_that_could_have_been(world: World) -> None:
    for slate, offered_ranks in zip(world.slates, world.records, strict=True):
        found = alternatives(LISTS, offered_ranks)
        for j in range(SLOTS):
            here = found.slot == j
            assert set(found.item[here].tolist()) == offered(LISTS, slate[:j])
            assert found.item[here & found.shown].tolist() == [slate[j]]
            for item, row in zip(found.item[here].tolist(), found.offered_ranks[here], strict=True):
                assert row.tolist() == record(LISTS, (*slate[:j], item))[j].tolist()
        chance = world.candidate.recorded_propensities(0, LISTS, found.offered_ranks)
        assert np.bincount(found.slot, chance) == pytest.approx(np.ones(SLOTS), abs=1e-12)
        assert chance[found.shown] == pytest.approx(
            world.candidate.recorded_propensities(0, LISTS, offered_ranks), abs=0
        )


def test_a_pinned_slot_has_no_alternative() -> None:
    assert len(alternatives(LISTS, np.full((1, 5), EXHAUSTED, np.uint8)).slot) == 0


def test_shown_items_need_a_propensity_above_0() -> None:
    assert ratios(np.array([0.0, 0.5]), np.array([0.5, 0.25])).tolist() == [0.0, 2.0]
    with pytest.raises(ValueError, match="must be above 0"):
        ratios(np.ones(2), np.array([0.5, 0.0]))
