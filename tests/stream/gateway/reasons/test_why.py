"""A reason is the largest contribution, as slate or explanation has it; without one, who filled the slot."""

from typing import Any

import pytest

from learners.registry import BUILT_IN
from stream.config import Config
from stream.decisions.explain import explain
from stream.decisions.publish import recommendation
from stream.gateway.documents import explanation_document, slate_document
from stream.gateway.fields.chosen import View
from stream.gateway.reasons.why import noted, reason_of
from stream.gateway.reasons.words import ENGLISH, IN_ENGLISH
from stream.model.fold import Model
from stream.ranking.reasons import groups
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


@pytest.mark.parametrize(
    ("source", "because", "words"),
    [
        ("ranked", "seen_times", "you have looked at it before"),
        ("ranked", "less seen", "you have not looked at it yet"),
        ("popularity", "covisitation", "it goes with what you looked at"),
        ("ranked", "less popularity", "few know it yet"),
        ("ranked", "less agreement", "it has less agreement than the others"),
        ("content", "", "filled by content"),
        ("ranked", "", "chosen by the ranking"),
        ("pinned", "", "put here by a rule"),
    ],
)
def test_words_are_those_that_the_slate_notes(source: str, because: str, words: str) -> None:
    assert IN_ENGLISH.say(noted(source, because)) == words


def test_there_are_words_for_all_that_can_contribute_by_default() -> None:
    features = groups([source.name for source in Model(Config()).sources])
    plain = {name for name in features if not name.startswith(("seen", "last"))}
    assert plain <= ENGLISH.keys()
    assert {"trending", "new_items", "buy_again", "recently_seen"} <= ENGLISH.keys() & set(BUILT_IN)


def test_on_many_slates_the_reason_is_the_largest_contribution_before_and_after_the_explanation() -> None:
    site, read_model, noted_ones, agreed, compared = Site("abcdefgh"), full(), set[str](), 0, 0
    for n in range(60):
        user = f"u{n % 5}"
        site.take(did(user, "abcdefgh"[(n * n + n // 3) % 8], T + n))
        found, decision = explain(site.model, user, site.shard.users[user]), site.shard.users[user].open
        if found is None or decision is None:
            continue
        published = recommendation(user, decision, None, 0, site.model.lists)
        slots = {slot.item_id: slot for slot in published.slots}
        before = {item["item_id"]: item["reason"] for item in slate_document(published, read_model, View())["items"]}
        for item, reason in before.items():
            assert reason == IN_ENGLISH.say(noted(slots[item].source, slots[item].because))
        explained = explanation_document(found, read_model, IN_ENGLISH)["slots"]
        after = {item["item_id"]: item["reason"] for item in slate_document(published, read_model, View())["items"]}
        for slot in explained:
            best = max(slot["contributions"], key=lambda each: each["nats"], default=None)
            alone = {**slot, "contributions": [] if best is None else [best]}
            assert slot["reason"] == after[slot["item_id"]] == IN_ENGLISH.say(reason_of(alone))
            if best is not None and best["nats"] > 0:
                compared += 1
                name = best["feature"] if best["above"] else f"less {best['feature']}"
                agreed += slots[slot["item_id"]].because == name
        noted_ones.update(slot.because for slot in published.slots)
    assert len(noted_ones) > 3
    assert compared > 100
    assert agreed > 0.8 * compared, "between slate and explanation the model has learned one event, of sixty in all"
