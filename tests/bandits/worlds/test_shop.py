"""The shop: its best slate, and the drift."""

import numpy as np
import pytest

from bandits.worlds import SETTINGS, Shop, Tastes


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


def test_tastes_drift_half_way(tastes: Tastes) -> None:
    shop = Shop(SETTINGS["state"], "s", 40, tastes)
    for n in range(40):
        before = shop.facts.taste.copy()
        _, lists = shop.offer()
        moved = (before != shop.facts.taste).any(axis=1).mean()
        assert (0.35 < moved < 0.65) if n == 20 else moved == 0.0
        shop.answer(lists[0])


def test_a_shop_needs_more_shoppers_than_come_at_once() -> None:
    with pytest.raises(ValueError, match="must be of more than 64 shoppers"):
        Shop(SETTINGS["state"], "s", 10, Tastes.generated("few", users=64, items=50))
