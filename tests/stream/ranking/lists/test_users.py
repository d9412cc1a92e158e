"""What a user's items weigh together."""

import math

import numpy as np

from stream.ranking.lists.users import NEWEST, weigh
from tests.support.site import Site, T, did


def weighed(site: Site, weights: dict[str, float], without: str = "") -> tuple[float, str]:
    ids, users = site.model.vocabulary, site.shard.users
    by_item = np.zeros(len(ids))
    for name, weight in weights.items():
        by_item[ids.index(name)] = weight
    block, known = users["u"].block, users.numbers.indices(ids)
    score, through = weigh(block, known, by_item, ids.index(without) if without else -1)
    return score, ids.ids[through] if through >= 0 else ""


def test_the_sum_is_damped_by_the_length_of_the_history() -> None:
    site = Site("abcd")
    site.take(*(did("u", name, T + n) for n, name in enumerate("abc")))
    score, through = weighed(site, {"a": 0.5, "c": 1.0, "d": 9.0})
    assert (score, through) == (1.5 / math.sqrt(3 + 5), "c")
    assert weighed(site, {"d": 9.0}) == (0.0, "")
    assert weighed(site, {"a": 0.5, "c": 1.0}, without="b") == (0.0, ""), "they have it already"
    assert weighed(site, {"a": 0.5}, without="d")[0] > 0.0


def test_only_the_newest_items_count() -> None:
    site = Site()
    site.take(*(did("u", f"i{n}", T + n) for n in range(NEWEST + 1)))
    assert weighed(site, {"i0": 1.0}) == (0.0, "")
    assert weighed(site, {"i1": 1.0}) == (1.0 / math.sqrt(NEWEST + 5), "i1")
    assert weighed(site, {"i1": 1.0}, without="i0") == (0.0, ""), "that they have it is known however long ago"
