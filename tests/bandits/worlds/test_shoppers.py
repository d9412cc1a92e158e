"""Shoppers: draws by chance, and how long their sessions last."""

import numpy as np

from bandits.worlds import SETTINGS, Shop, Tastes
from bandits.worlds.settings import TREND
from bandits.worlds.shoppers import drawn
from bandits.worlds.trials import SLOTS


def test_drawn_is_the_index_where_the_cumulated_chances_exceed_u() -> None:
    chances = np.array([0.25, 0.0, 0.5, 0.25])
    assert [drawn(chances, u) for u in (0.0, 0.24, 0.25, 0.74, 0.75, 0.99)] == [0, 0, 2, 2, 3, 3]
    assert drawn(np.array([0.5, 0.4]), 0.95) == 1, "the last one where rounding leaves the sum below u"


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
