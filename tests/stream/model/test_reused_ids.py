"""An item id that is described again after its tombstone stands for another product."""

import numpy as np

from learners import Query
from stream.config import Sources
from stream.model.copy import ModelCopy
from stream.model.fold import Model
from stream.model.interactions import places_of
from stream.records.log import ItemChange
from stream.records.schemas import Item
from tests.support.site import PURCHASE, Site, T, did, steps


def learned(**settings: object) -> Site:
    """Ten users went from a to b; then b ended, and is described again."""
    site = Site("abcd", sources=Sources(**settings))  # type: ignore[arg-type]
    for n in range(10):
        site.take(did(f"u{n}", "a", T + 10 * n))
        site.take(did(f"u{n}", "b", T + 10 * n + 1, PURCHASE))
    site.take(ItemChange("b", None))
    site.take(ItemChange("b", Item(item_id="b", title="Something else")))
    return site


def score(site: Site, source: str, item: str) -> float:
    model = site.model
    (found,) = [each for each in model.sources if each.name == source]
    recent = model.vocabulary.indices(["a"])
    wanted = np.array([model.vocabulary.index(item)], np.int32)
    return float(found.score_many(Query(recent, T + 200, recent), wanted)[0])


def test_it_inherits_no_neighbour_no_link_and_no_count_of_any_source() -> None:
    site, kept = learned(), learned(reused_ids="keep")
    for source in ("covisitation", "sequential_rules", "popularity", "popularity_fast"):
        assert score(kept, source, "b") > 0.0, source
        assert score(site, source, "b") == 0.0, source
    assert site.model.vocabulary.ids == ["a", "b", "c", "d", "b"]
    assert kept.model.vocabulary.ids == ["a", "b", "c", "d"]


def test_the_new_product_is_shown_and_the_old_one_is_not() -> None:
    site = learned()
    slate = site.drawn("nobody", T + 200).items.tolist()
    assert site.model.vocabulary.index("b") in slate
    assert 1 not in slate


def test_histories_keep_the_old_product_as_old() -> None:
    site = learned()
    old, new = 1, site.model.vocabulary.index("b")
    assert site.model.ranker.past(site.shard.users["u3"]).items.tolist() == [old, 0]
    step = site.step(did("u3", "c", T + 300))
    assert step.event is not None
    assert places_of(site.model.vocabulary, step, step.event) == [old, 0]
    (again,) = steps(site.take(did("u3", "b", T + 310)))
    assert again.event is not None
    assert site.model.ranker.past(site.shard.users["u3"]).items.tolist()[0] == new


def test_replicas_are_equal_and_a_snapshot_goes_on_like_them() -> None:
    site, other = learned(), learned()
    assert site.model.fingerprint() == other.model.fingerprint()
    restored = Model(site.config)
    restored.restore(ModelCopy.decode(site.model.copy().encode()))
    batch = site.take(did("u3", "c", T + 300), did("v", "b", T + 301))
    restored.fold(batch, restored.offset)
    assert restored.fingerprint() == site.model.fingerprint()
    assert restored.vocabulary.index("b") == site.model.vocabulary.index("b")
    assert restored.vocabulary.index_at("b", T) == 1


def test_what_is_left_behind_is_bounded_and_an_unused_id_leaves_nothing() -> None:
    site = learned(max_items=8)
    for n in range(20):
        site.take(did("w", "b", T + 400 + n))
        site.take(ItemChange("b", None))
        site.take(ItemChange("b", Item(item_id="b")))
    assert site.model.vocabulary.renewed == 2
    for _ in range(20):
        site.take(ItemChange("d", None))
        site.take(ItemChange("d", Item(item_id="d")))
    assert site.model.vocabulary.ids.count("d") == 1
