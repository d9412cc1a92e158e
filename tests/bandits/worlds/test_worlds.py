"""Simulated shoppers do what is said of them."""

import numpy as np
import pytest

from bandits.worlds import REFERENCES, SETTINGS, SOURCES, Shop, Tastes, Trial, reference, run
from bandits.worlds.settings import TREND
from bandits.worlds.trials import SLOTS, make

DECISIONS = 3_000


@pytest.fixture(scope="module")
def tastes() -> Tastes:
    return Tastes.generated("test", users=300, items=400)


def trial(name: str, world: str, tastes: Tastes, seed: str = "s", decisions: int = DECISIONS) -> Trial:
    return run(SETTINGS[world], name if name in REFERENCES else make(name), seed, decisions, tastes)


def test_the_same_seed_is_the_same_run(tastes: Tastes) -> None:
    first, again = (trial("disagreement", "state", tastes, decisions=500) for _ in range(2))
    assert [part.tobytes() for part in first] == [part.tobytes() for part in again]
    assert trial("disagreement", "state", tastes, "other", 500).reward.tobytes() != first.reward.tobytes()


@pytest.mark.parametrize("world", list(SETTINGS))
def test_rewards_are_what_was_expected(world: str, tastes: Tastes) -> None:
    """The mean of reward caused less its expectation: 4.5 standard errors are exceeded once in 150,000 runs."""
    found = trial("round_robin", world, tastes)
    difference = found.caused - found.expected
    assert abs(difference.mean()) < 4.5 * difference.std() / np.sqrt(DECISIONS)


@pytest.mark.parametrize("world", list(SETTINGS))
def test_nothing_beats_the_oracle(world: str, tastes: Tastes) -> None:
    for name in ("ranked", "disagreement", "random_source", "oracle"):
        found = trial(name, world, tastes, decisions=600)
        assert (found.expected <= found.best + 1e-6).all()
        assert (found.expected.tolist() == found.best.tolist()) == (name == "oracle")


def test_sorting_by_attraction_is_best(tastes: Tastes) -> None:
    """Against all orders of four items, and against other items."""
    shop, rng = Shop(SETTINGS["state"], "s", 100, tastes), np.random.default_rng(1)
    for _ in range(20):
        _, lists = shop.offer()
        best = shop.best(lists, 4)
        for _ in range(50):
            other = rng.permutation(np.unique(lists[lists >= 0]))[:4].astype(np.int32)
            assert shop.expected(other) <= shop.expected(best) + 1e-12
            assert shop.expected(rng.permutation(best)) <= shop.expected(best) + 1e-12
        shop.answer(best)


def test_lists_hold_items_that_are_there(tastes: Tastes) -> None:
    shop = Shop(SETTINGS["state"], "s", 400, tastes)
    late = (shop.facts.born > 0).mean()
    assert 0.1 < late < 0.3
    for n in range(400):
        state, lists = shop.offer()
        assert lists.shape == (len(SOURCES), 20)
        assert 0 <= state < 12
        for row in lists:
            row = row[row >= 0]
            assert len(set(row.tolist())) == len(row)
            assert (shop.facts.born[row] <= n).all()
        assert lists[1].tolist() == shop.facts.known[shop.facts.user[shop.session], :20].tolist()
        shop.answer(lists[0])


def test_worlds_are_what_they_are_for(tastes: Tastes) -> None:
    """The ranking is beaten by other sources in one world and by none in another; in the flat one nothing differs."""

    def mean(name: str, world: str) -> float:
        return float(trial(name, world, tastes, decisions=5_000).expected.mean())

    assert mean("round_robin", "state") > mean("ranked", "state")
    assert max(mean(name, "strong") for name in REFERENCES[1:]) < mean("ranked", "strong")
    flat = [mean(name, "flat") for name in ("ranked", "round_robin", "fixed: trending")]
    assert max(flat) < 1.1 * min(flat)


def test_tastes_drift_half_way(tastes: Tastes) -> None:
    shop = Shop(SETTINGS["state"], "s", 40, tastes)
    for n in range(40):
        before = shop.facts.taste.copy()
        _, lists = shop.offer()
        moved = (before != shop.facts.taste).any(axis=1).mean()
        assert (0.35 < moved < 0.65) if n == 20 else moved == 0.0
        shop.answer(lists[0])


def test_hits_decide_how_long_a_chain_is(tastes: Tastes) -> None:
    """Within four standard errors of the stated chances, by what the shopper was after."""

    def went_on(world: str, *, fashion: bool) -> tuple[float, int]:
        shop, found = Shop(SETTINGS[world], "s", 4_000, tastes), list[bool]()
        for _ in range(4_000):
            _, lists = shop.offer()
            after = int(shop.facts.mode[shop.session])
            answer = shop.answer(shop.best(lists, SLOTS))
            if answer.caused and (after == TREND) == fashion:
                found.append(not answer.ended)
        return float(np.mean(found)), len(found)

    for world, fashion, chance in (
        ("state", True, 0.8),
        ("state", False, 0.8),
        ("chain", True, 0.3),
        ("chain", False, 0.95),
    ):
        share, n = went_on(world, fashion=fashion)
        assert n > 100
        assert abs(share - chance) < 4.0 * np.sqrt(chance * (1.0 - chance) / n), (world, fashion)


def test_references_fill_slates(tastes: Tastes) -> None:
    lists = np.array([[0, 1, 2], [1, 3, -1], *([[-1, -1, -1]] * 6)], np.int32)
    rng, best = np.random.default_rng(0), np.array([7], np.int32)
    assert reference("oracle", lists, rng, best).tolist() == [7]
    assert reference("round_robin", lists, rng, best).tolist() == [0, 1, 2, 3]
    assert reference("fixed: seen_before", lists, rng, best).tolist() == [1, 3, 0, 2]
    assert set(reference("random_source", lists, rng, best).tolist()) <= {0, 1, 2, 3}


def test_a_shop_needs_more_shoppers_than_come_at_once() -> None:
    with pytest.raises(ValueError, match="must be of more than 64 shoppers"):
        Shop(SETTINGS["state"], "s", 10, Tastes.generated("few", users=64, items=50))
