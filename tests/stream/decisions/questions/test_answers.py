"""Questions and their answers as records."""

from pathlib import Path

import pytest

from stream.decisions.arrivals import QuestionAsked
from stream.decisions.questions.answers import answer_parts
from stream.records.log import ItemChange
from stream.records.questions.records import KINDS, OF_ALL, Question, QuestionAnswer, QuestionKind
from stream.records.schemas import Item
from tests.support.ruled import ruled, things
from tests.support.site import PURCHASE, Site, T, did

EXCLUDED = """
[[exclude]]
name = "dear"
items = [{ field = "price", op = ">", value = 20 }]
"""


@pytest.fixture(scope="module")
def site() -> Site:
    """Four users bought tea and a pot; ada has only tea."""
    site = Site()
    titles = {"tea": "Tea", "pot": "Tea pot"}
    site.take(*(ItemChange(name, Item(item_id=name, title=title, categories=["c"])) for name, title in titles.items()))
    for n in range(4):
        site.take(did(f"u{n}", "tea", T + n, PURCHASE), did(f"u{n}", "pot", T + n + 0.5, PURCHASE))
    site.take(did("ada", "tea", T + 9))
    return site


def answered(site: Site, kind: QuestionKind, of: str | None = None, category: str | None = None) -> QuestionAnswer:
    question = Question(request_id="r", question=kind, of=of, k=3, category=category)
    *parts, found = answer_parts(site.model, site.shard, QuestionAsked(question, T + 10, T + 10))
    assert parts == [None] * len(parts)
    assert found is not None
    assert (found.request_id, found.question, found.model_version) == ("r", kind, site.model.offset)
    return found


@pytest.mark.parametrize(
    ("kind", "of", "expected"),
    [
        ("similar", "tea", [("pot", "covisitation")]), ("also_bought", "tea", [("pot", "bought")]),
        ("popular", None, [("tea", "popularity"), ("pot", "popularity")]), ("rising", None, []),
        ("latest", None, [("pot", "latest"), ("tea", "latest")]),
    ],
)  # fmt: skip
def test_lists_of_items(site: Site, kind: QuestionKind, of: str | None, expected: list[tuple[str, str]]) -> None:
    found = answered(site, kind, of)
    assert [(each.item_id, each.because) for each in found.items] == expected
    assert (found.status, found.users, found.reason) == ("answered", [], "")
    if of is None:
        assert len(answered(site, kind, category="c").items) == len(expected)
        assert answered(site, kind, category="d").items == []


def test_lists_of_users(site: Site) -> None:
    (only,) = answered(site, "audience", "pot").users
    assert (only.user_id, only.through, only.score > 0.0) == ("ada", "tea", True)
    assert {each.user_id for each in answered(site, "similar_users", "ada").users} <= {f"u{n}" for n in range(4)}
    assert len(answered(site, "similar_users", "ada").users) == 3, "k of the four"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OF_ALL])
def test_what_the_model_does_not_know_is_said(site: Site, kind: QuestionKind) -> None:
    found = answered(site, kind, "coal")
    assert (found.status, found.items, found.users) == ("unknown", [], [])
    assert "'coal': the model knows no" in found.reason


def test_what_rules_hide_from_strangers_is_on_no_list(tmp_path: Path) -> None:
    site = ruled(tmp_path / "rules.toml", EXCLUDED, *things("abcdef", price=5.0), *things("gh", price=50.0))
    for n in range(3):
        site.take(*(did(f"u{n}", item, T + n, PURCHASE) for item in "gah"))
    for kind, of, first in (
        ("popular", None, "a"),
        ("similar", "g", "a"),
        ("also_bought", "g", "a"),
        ("latest", None, "f"),
    ):
        found = answered(site, kind, of)  # type: ignore[arg-type]
        assert found.items[0].item_id == first
        assert not {each.item_id for each in found.items} & {"g", "h"}
    assert len(answered(site, "latest").items) == 3, "those that are hidden take no places"
