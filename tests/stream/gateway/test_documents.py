"""Slates and figures as JSON documents."""

import pytest

from stream.gateway.documents import reason, slate_document, stats_document, trending_document
from tests.support.gateway import T, full, slate, viewed


@pytest.mark.parametrize(
    ("source", "item", "history", "goes_with", "words"),
    [
        ("popularity", "a", [], None, "many like it"),
        ("ranked", "b", ["a"], "A", "goes with A"),
        ("ranked", "a", ["a"], None, "you have looked at it before"),
        ("ranked", "e", [], None, "a good guess for anybody"),
        ("ranked", "e", ["a"], None, "goes with what you looked at last"),
        ("content", "b", ["a"], "A", "goes with A"),
        ("content", "b", ["a"], None, "it is much like what you looked at"),
    ],
)
def test_reasons(source: str, item: str, history: list[str], goes_with: str | None, words: str) -> None:
    assert reason(source, item, history, goes_with) == words


def test_a_slate_has_titles_and_can_be_shortened() -> None:
    read_model = full()
    read_model.slate("ada", slate(items="bde"), T)
    viewed(read_model, "ada", "a")
    newest = read_model.newest("ada")
    assert newest is not None
    answered = slate_document(newest, read_model, 2, frozenset("b"))
    assert [(item["item_id"], item["title"]) for item in answered["items"]] == [("d", "D"), ("e", "E")]
    assert answered["fallback"] is None
    assert slate_document(newest, read_model)["items"][0]["reason"] == "goes with A"


def test_trending_items_are_marked_as_a_fallback() -> None:
    found = trending_document("new", [("a", 2.0), ("e", 0.0)], full(), T)
    assert (found["fallback"], found["decision_id"], found["timestamp"]) == ("trending", None, T)
    assert [item["reason"] for item in found["items"]] == ["it is on the rise", "it is in the catalogue"]


def test_figures_count_users_and_items() -> None:
    read_model = full()
    read_model.slate("ada", slate(), T + 100)
    found = stats_document(read_model)
    assert (found["users"], found["items"], found["latency_ms"], found["slots"]) == (1, 5, [None, None], {"ranked": 3})
    assert sum(second[1] for second in found["seconds"]) == 20
