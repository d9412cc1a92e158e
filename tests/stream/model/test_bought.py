"""Links between what the same users bought, as the fold learns them."""

import msgspec
import numpy as np
import pytest

from learners import Query
from stream.model.bought import BOUGHT
from stream.model.copy import ModelCopy
from stream.model.fold import Model
from tests.support.site import PURCHASE, Site, T, did

NOTHING = np.empty(0, np.int32)


def bought_with(model: Model, name: str) -> list[tuple[str, float]]:
    anchor = model.vocabulary.indices([name])
    mask = np.zeros(len(model.vocabulary), np.uint8)
    mask[anchor] = 2
    items, scores = model.bought.top_k(Query(anchor, T, NOTHING), 9, mask)
    return [
        (model.vocabulary.ids[n], round(score, 6)) for n, score in zip(items.tolist(), scores.tolist(), strict=True)
    ]


def test_purchases_are_linked_in_both_directions_the_last_ones_most() -> None:
    site = Site("abcd")
    site.take(did("u", "a", T, PURCHASE), did("u", "d", T + 1), did("u", "b", T + 2, PURCHASE))
    site.take(did("u", "a", T + 3), did("u", "c", T + 4, PURCHASE))
    one, two = 1.0 / 4.0, float(np.exp(-0.2)) / 4.0  # of one purchase each: the root of 1 + 3 twice
    names, scores = zip(*bought_with(site.model, "c"), strict=True)
    assert names == ("b", "a")
    assert scores == pytest.approx((one, two), rel=1e-4)
    assert [name for name, _ in bought_with(site.model, "a")] == ["b", "c"]
    assert bought_with(site.model, "d") == []


def test_returns_and_other_events_teach_nothing() -> None:
    site = Site("ab")
    site.take(did("u", "a", T, PURCHASE), did("u", "b", T + 1), did("v", "a", T + 2), did("v", "b", T + 3))
    bought = did("u", "a", T + 4, PURCHASE)
    site.take(bought._replace(event=msgspec.structs.replace(bought.event, price=-1.0)))
    assert bought_with(site.model, "a") == bought_with(site.model, "b") == []
    assert len(site.model.bought.state()["counts"]) == 1, "no rows but for what was bought"


def test_it_is_in_copies_and_begins_empty_after_one_from_before_it() -> None:
    site = Site("ab")
    site.take(did("u", "a", T, PURCHASE), did("u", "b", T + 1, PURCHASE))
    copy = ModelCopy.decode(site.model.copy().encode())
    heir = Model(site.config)
    heir.restore(copy)
    assert bought_with(heir, "a") == bought_with(site.model, "a") != []
    assert heir.fingerprint() == site.model.fingerprint()
    heir.restore(copy._replace(parts={name: part for name, part in copy.parts.items() if name != BOUGHT}))
    assert bought_with(heir, "a") == []
    assert list(heir.copy().parts) == list(copy.parts)
