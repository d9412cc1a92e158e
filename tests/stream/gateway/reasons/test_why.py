"""A reason is the largest contribution of the explanation; before it is known, who filled the slot."""

from typing import Any

import pytest

from learners.registry import BUILT_IN
from stream.config import Config
from stream.decisions.explain import explain, groups
from stream.gateway.documents import explanation_document, slate_document
from stream.gateway.fields.chosen import View
from stream.gateway.reasons.why import filled_by, reason_of
from stream.gateway.reasons.words import ENGLISH, IN_ENGLISH
from stream.model.fold import Model
from stream.records.schemas import Recommendation, Slot
from tests.support.gateway import T, full
from tests.support.site import Site, did

CUP = {"title": "Cup", "source": "covisitation", "item_id": "cup"}


def part(feature: str, nats: float = 1.0, *, above: bool = True) -> dict[str, Any]:
    return {"feature": feature, "nats": nats, "above": above}


@pytest.mark.parametrize(
    ("source", "contributions", "words"),
    [
        ("ranked", [part("covisitation", 0.1), part("seen", 2.0)], "you have looked at it before"),
        ("ranked", [part("seen", above=False)], "you have not looked at it yet"),
        ("ranked", [part("covisitation")], "goes with Cup"),
        ("ranked", [part("content")], "it is much like what you looked at"),  # not pulled by that source
        ("popularity", [part("popularity")], "many like it"),
        ("popularity", [part("popularity", above=False)], "few know it yet"),
        ("popularity", [part("popularity", -1.0)], "filled by popularity"),
        ("content", [], "filled by content"),
        ("pinned", [part("seen")], "put here by a rule"),
        ("ranked", [part("popularity_by_country")], "many with the same country like it"),
        ("ranked", [part("of_my_own")], "of my own speaks for it"),
        ("ranked", [part("agreement", above=False)], "it has less agreement than the others"),
    ],
)
def test_words_are_those_of_the_largest_contribution(source: str, contributions: Any, words: str) -> None:
    reason = reason_of({"source": source, "contributions": contributions, "pulled_by": [CUP]})
    assert IN_ENGLISH.say(reason) == words


def test_there_are_words_for_all_that_can_contribute_by_default() -> None:
    features = groups([source.name for source in Model(Config()).sources])
    plain = {name for name in features if not name.startswith(("seen", "last"))}
    assert plain <= ENGLISH.keys()
    assert {"trending", "new_items", "buy_again", "recently_seen"} <= ENGLISH.keys() & set(BUILT_IN)


def test_on_many_slates_the_reason_is_the_largest_contribution_or_names_who_filled_the_slot() -> None:
    site, read_model, compared, sources = Site("abcdefgh"), full(), 0, set[str]()
    for n in range(60):
        user = f"u{n % 5}"
        site.take(did(user, "abcdefgh"[(n * n + n // 3) % 8], T + n))
        found = explain(site.model, user, site.shard.users[user])
        if found is None:
            continue
        slots = [Slot(slot["item_id"], slot["score"], slot["source"], slot["propensity"]) for slot in found["slots"]]
        published = Recommendation(
            user_id=user, decision_id=found["decision_id"], event_id=None, timestamp=T, model_version=1, epoch=0,
            policy="p", slots=slots,
        )  # fmt: skip
        for item in slate_document(published, read_model, View())["items"]:
            assert item["reason"] == IN_ENGLISH.say(filled_by(item["source"])), "nothing is claimed before it is known"
        explained = explanation_document(found, read_model, IN_ENGLISH)["slots"]
        after = {item["item_id"]: item["reason"] for item in slate_document(published, read_model, View())["items"]}
        for slot in explained:
            best = max(slot["contributions"], key=lambda each: each["nats"], default=None)
            alone = {**slot, "contributions": [] if best is None else [best]}
            assert slot["reason"] == after[slot["item_id"]] == IN_ENGLISH.say(reason_of(alone))
            compared += best is not None
            sources.add(slot["source"])
    assert compared > 100
    assert "ranked" in sources
