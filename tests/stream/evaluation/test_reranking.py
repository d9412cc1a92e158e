"""Ranks of the item taken among others, before and after they are ranked."""

from typing import Any

import numpy as np
import pytest

from stream.config import Slate
from stream.evaluation.prequential import Evaluation
from stream.evaluation.protocol import Among, Protocol
from stream.evaluation.reranking import Reranking
from stream.records.log import ItemChange
from stream.records.schemas import Event, EventType, Item
from tests.support.site import Site, T, did

OF = 10


def made() -> Site:
    """Sixty items; everybody takes pairs: an even one, then the next."""
    site = Site(slate=Slate(slots=5))
    site.take(*(ItemChange(f"i{n}", Item(item_id=f"i{n}", title=f"thing {n}")) for n in range(60)))
    for n in range(120):
        first = 2 * (n % 30)
        site.take(did(f"u{n}", f"i{first}", T + 60 * n), did(f"u{n}", f"i{first + 1}", T + 60 * n + 1))
    return site


def measured(among: Among, items: Any) -> dict[str, Any]:
    site = made()
    reranking = Reranking(site.model, among, OF)
    for n in items:
        site.take(did(f"new-{n}", f"i{n}", T + 9_000 + n))
        user = site.shard.users[f"new-{n}"]
        reranking.measure(f"new-{n}", user, did(f"new-{n}", f"i{n + 1}", T + 9_001 + n).event)
    return reranking.report()


@pytest.mark.parametrize("among", ["random", "popular"])
def test_what_goes_with_the_last_item_rises_to_the_top(among: Among) -> None:
    found = measured(among, range(0, 60, 2))
    assert (found["lists"], found["of"]) == (30, OF)
    assert found["after"]["mean_rank"] < 1.3
    assert found["after"]["mrr"] > 0.9
    assert found["before"]["mean_rank"] > 3.5


def test_a_list_holds_each_item_once_and_the_one_taken() -> None:
    site = made()
    for among in ("random", "popular"):
        reranking = Reranking(site.model, among, OF)
        for n in range(40):
            listed = reranking._list(n, did("u", f"i{n}", T + 9_000 + n).event)
            assert len(set(listed.tolist())) == len(listed) == OF
            assert n in listed
    counts = reranking._popularity.score_many(site.model.ranker.query("u0", site.shard.users["u0"], T), listed)
    assert np.all(np.diff(counts) <= 0), "by popularity"


def test_nothing_is_measured_where_there_are_too_few_items() -> None:
    site = Site("abc")
    site.take(did("u", "a"))
    reranking = Reranking(site.model, "random", OF)
    for item in ("b", "unknown"):
        reranking.measure("u", site.shard.users["u"], did("u", item, T + 1).event)
    assert reranking.report() == {"among": "random", "of": OF, "lists": 0, "before": {}, "after": {}}


def test_the_evaluation_reports_it_and_is_else_the_same() -> None:
    events: list[tuple[EventType, Event]] = [
        ("view", Event(event_id=f"{n}", user_id=f"u{n % 7}", item_id=f"i{n * n % 40}", timestamp=T + n))
        for n in range(300)
    ]  # fmt: skip
    config = Site().config
    plain, besides = (Evaluation(config, Protocol(rerank=rerank, of=5)).run(events) for rerank in (None, "random"))
    reranked: Any = besides.pop("reranked")
    assert reranked["lists"] > 100
    assert 2.5 < reranked["before"]["mean_rank"] < 3.5
    assert plain["fingerprint"] == besides["fingerprint"]
    assert plain["learners"] == besides["learners"]
