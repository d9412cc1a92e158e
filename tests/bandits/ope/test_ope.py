"""Estimators against worlds whose values are known exactly, and against figures worked out by hand."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits import EXHAUSTED, OTHER, make_policy
from bandits.ope import (
    Addends,
    Overlap,
    alternatives,
    cascade_dr,
    clipped_ips,
    direct_method,
    doubly_robust,
    empirical_bernstein,
    group_sums,
    ips,
    ratios,
    replay,
    reward_interaction,
    snips,
    switch_dr,
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


def test_the_world_is_a_world(world: World) -> None:
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


def test_a_good_model_leaves_less_to_chance(world: World) -> None:
    ratio, chance = world.wanted / world.logged, world.logged.prod(axis=1)
    plain, helped = (
        reward_interaction(ratio, world.reward),
        cascade_dr(ratio, world.reward, *world.models(0.8 * TAKEN * WORTH)),
    )
    assert chance @ helped.numerator**2 < 0.9 * (chance @ plain.numerator**2)


def test_the_known_mistakes_are_found_biased(world: World) -> None:
    """Sources that are not renormalised when one is exhausted; an item's chance over that of one source that offered it."""
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


def one_action() -> tuple[Floats, Floats, Floats]:
    """Contexts and actions: logged and wanted probabilities, true means; every context equally likely."""
    rng = np.random.default_rng(3)
    logged, wanted = rng.dirichlet(np.full(5, 2.0), 4), rng.dirichlet(np.full(5, 2.0), 4)
    return logged, wanted, rng.random((4, 5))


def test_single_actions_are_unbiased() -> None:
    logged, wanted, truth = one_action()
    cells = list(itertools.product(range(4), range(5)))
    x, a = np.array(cells).T
    chance, weight, reward = logged[x, a] / 4, wanted[x, a] / logged[x, a], truth[x, a]
    value = float((wanted * truth).sum(axis=1).mean())
    wrong = np.random.default_rng(4).random((4, 5))
    expected = (wanted * wrong).sum(axis=1)[x]
    assert chance @ ips(weight, reward).numerator == pytest.approx(value, abs=1e-12)
    assert chance @ doubly_robust(weight, reward, wrong[x, a], expected).numerator == pytest.approx(value, abs=1e-12)
    right = (wanted * truth).sum(axis=1)[x]
    assert chance @ direct_method(right).numerator == pytest.approx(value, abs=1e-12)
    switched = switch_dr(weight, reward, wrong[x, a], expected, most=1.0).numerator
    kept = weight <= 1.0  # the bias is that of the model, where it is left alone
    bias = chance[~kept] @ (weight * (wrong[x, a] - reward))[~kept]
    assert chance @ switched == pytest.approx(value + bias, abs=1e-12)
    assert chance @ clipped_ips(weight, reward, most=1.0).numerator < value


def test_ratios_of_sums_close_in_on_the_value() -> None:
    """SNIPS, and replay of a uniform log; six standard errors of the plain mean are allowed, which are larger."""
    _, wanted, truth = one_action()
    rng, n = np.random.default_rng(5), 40_000
    x, a = rng.integers(0, 4, n), rng.integers(0, 5, n)
    reward = (rng.random(n) < truth[x, a]).astype(float)
    weight = wanted[x, a] * 5.0
    allowed = 6.0 * math.sqrt(float((weight**2).mean()) / n)
    assert abs(snips(weight, reward).value - (wanted * truth).sum(axis=1).mean()) < allowed
    best = truth.argmax(axis=1)
    assert abs(replay(a == best[x], reward).value - truth.max(axis=1).mean()) < 6.0 * math.sqrt(0.25 * 5 / n)


def test_figures_worked_out_by_hand() -> None:
    """Three rounds: w = 2, 1/2, 0; r = 1, 0, 1; model 0.5, 0.2, 0.4; expected 0.6, 0.3, 0.2."""
    weight, reward = np.array([2.0, 0.5, 0.0]), np.array([1.0, 0.0, 1.0])
    model, expected = np.array([0.5, 0.2, 0.4]), np.array([0.6, 0.3, 0.2])
    assert ips(weight, reward).value == pytest.approx(2.0 / 3)
    assert snips(weight, reward).value == pytest.approx(2.0 / 2.5)
    assert clipped_ips(weight, reward, 1.5).value == pytest.approx(1.5 / 3)
    assert direct_method(expected).value == pytest.approx(1.1 / 3)
    # 2 (1 - .5) + .6 = 1.6;  .5 (0 - .2) + .3 = .2;  0 + .2 = .2
    assert doubly_robust(weight, reward, model, expected).value == pytest.approx(2.0 / 3)
    # the first round's weight is above 1: .6, .2, .2
    assert switch_dr(weight, reward, model, expected, 1.0).value == pytest.approx(1.0 / 3)


def test_bernstein_holds_at_any_n_and_narrows() -> None:
    rng, wide = np.random.default_rng(6), []
    for n in (50, 5_000):
        inside = 0
        for _ in range(400):
            sample = (rng.random(n) < 0.1).astype(float)
            low, high = empirical_bernstein(sample, 0.0, 1.0)
            inside += low <= 0.1 <= high
        wide.append(high - low)
        assert inside >= 380
    assert wide[1] < wide[0] / 5
    with pytest.raises(ValueError, match=r"values must lie in \[0, 1\]; got 0 to 2"):
        empirical_bernstein(np.array([0.0, 2.0]), 0.0, 1.0)


def test_too_little_overlap_is_said() -> None:
    assert Overlap.of(np.ones(1_000)).warning() == ""
    assert "rests on 1 of 1000 decisions" in Overlap.of(np.array([1e9, *np.ones(999)])).warning()
    assert "less than 1%" in Overlap.of(np.array([*np.ones(150), *np.zeros(20_000)])).warning()
    assert Overlap.of(np.zeros(5)) == Overlap(5, 0.0, 0.0)


def test_what_was_shown_had_a_chance() -> None:
    assert ratios(np.array([0.0, 0.5]), np.array([0.5, 0.25])).tolist() == [0.0, 2.0]
    with pytest.raises(ValueError, match="must be above 0"):
        ratios(np.ones(2), np.array([0.5, 0.0]))


def test_sums_of_groups() -> None:
    values = np.arange(8.0).reshape(4, 2)
    assert group_sums(values, np.array([1, 0, 1, 1])).tolist() == [[2.0, 3.0], [10.0, 13.0]]
