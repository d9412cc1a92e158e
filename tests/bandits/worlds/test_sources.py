"""Lists of the shop's sources: distinct items that have arrived."""

from bandits.worlds import SETTINGS, SOURCES, Shop, Tastes


def test_lists_hold_distinct_items_that_have_arrived(tastes: Tastes) -> None:
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
