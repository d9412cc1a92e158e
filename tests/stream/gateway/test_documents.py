"""Slates and figures as JSON documents."""

from stream.gateway.documents import slate_document, stats_document, trending_document
from stream.gateway.fields.chosen import View
from stream.gateway.reasons.languages import Languages
from stream.gateway.reasons.words import ENGLISH
from stream.records.schemas import Item
from tests.support.gateway import T, full, slate, viewed


def test_a_slate_has_titles_and_can_be_shortened() -> None:
    read_model = full()
    read_model.slate("ada", slate(items="bde"), T)
    viewed(read_model, "ada", "a")
    newest = read_model.newest("ada")
    assert newest is not None
    answered = slate_document(newest, read_model, View(), 2, frozenset("b"))
    assert [(item["item_id"], item["title"]) for item in answered["items"]] == [("d", "D"), ("e", "E")]
    assert answered["fallback"] is None
    assert slate_document(newest, read_model, View())["items"][0]["reason"] == "chosen by the ranking"


def test_trending_items_are_marked_as_a_fallback() -> None:
    found = trending_document("new", [("a", 2.0), ("e", 0.0)], full(), View())
    assert (found["fallback"], found["decision_id"], found["timestamp"]) == ("trending", None, T + 41)
    assert [item["reason"] for item in found["items"]] == ["it is on the rise", "it is in the catalogue"]


def test_figures_count_users_and_items() -> None:
    read_model = full()
    read_model.slate("ada", slate(), T + 100)
    found = stats_document(read_model)
    assert (found["users"], found["items"], found["latency_ms"], found["slots"]) == (1, 5, [None, None], {"ranked": 3})
    assert sum(second[1] for second in found["seconds"]) == 20


def test_items_have_the_fields_that_were_chosen_and_reasons_the_language() -> None:
    read_model = full()
    read_model.item("d", Item(item_id="d", title="D", price=3.5, link="https://shop.example/d", tags=["t"]))
    read_model.slate("ada", slate(items="dz"), T)
    newest = read_model.newest("ada")
    assert newest is not None
    dutch = Languages({"nl": dict.fromkeys(ENGLISH, "zomaar") | {"in_catalogue": "nieuw hier"}}).named("nl")
    view = View(("price", "link", "tags"), dutch)
    first, unknown, filled = slate_document(newest, read_model, view, 3)["items"]
    assert [first[name] for name in ("title", "price", "link", "tags")] == ["D", 3.5, "https://shop.example/d", ["t"]]
    assert [unknown[name] for name in ("title", "price", "link", "tags")] == ["z", None, None, []]
    assert {"price", "link", "tags", "source"} <= filled.keys()
    assert (first["reason"], filled["reason"]) == ("zomaar", "zomaar" if filled["score"] else "nieuw hier")
    assert "price" not in slate_document(newest, read_model, View())["items"][0]
