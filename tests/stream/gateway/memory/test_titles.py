"""Search in titles: the same answers as looking at all of them, with far less work."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.gateway.memory.titles import INDEXED, STEP, Titles, folded

TEXT = st.text(st.sampled_from("abAB \u00e9e\u0301\u6771\u4eac"), max_size=6)


def found(titles: Titles, query: str) -> list[str]:
    return [item for item in titles.search(query) if item is not None]


@given(
    st.lists(st.tuples(st.sampled_from("pqrstuv"), st.one_of(st.none(), TEXT)), max_size=30),
    st.lists(TEXT.filter(bool), min_size=1, max_size=5),
)
def test_search_finds_what_looking_at_all_titles_finds(
    changes: list[tuple[str, str | None]], queries: list[str]
) -> None:
    titles, plain = Titles(), dict[str, str]()
    for item, title in changes:
        if title is None:
            titles.drop(item)
            plain.pop(item, None)
        else:
            titles.put(item, title)
            plain[item] = title
    assert len(titles) == len(plain)
    for query in queries:
        wanted = {item for item, title in plain.items() if folded(query) in folded(title)}
        assert sorted(found(titles, query)) == sorted(wanted)


def test_the_work_grows_with_what_almost_matches() -> None:
    rng, titles = random.Random(1), Titles()
    words = ["".join(rng.choices("etaoinshrdlu", k=6)) for _ in range(3_000)]
    for n in range(20_000):
        titles.put(f"i{n}", " ".join(rng.sample(words, 3)))
    titles.put("rare", "A zebra in Quebec")
    for query, most in (("zebra", 1), ("quebec", 1), ("no such thing", 1_000), ("xyzzy", 0), (words[7], 1_000)):
        before = titles.compared
        answer = found(titles, query)
        assert titles.compared - before <= most, query
        assert answer == ["rare"] or query not in ("zebra", "quebec")


def test_a_search_that_compares_many_titles_pauses() -> None:
    titles = Titles()
    for n in range(10 * STEP):
        titles.put(f"i{n}", "aaab" * 10)
    steps = list(titles.search("aaabaaac"))
    assert steps == []
    steps = list(titles.search("aabaaabaaabb")) + list(titles.search("abaaabaaabaaaba" + "a" * 50))
    assert set(steps) <= {None}
    pauses = list(titles.search("baaab"))
    assert pauses.count(None) == 10
    assert len(pauses) == 10 * STEP + 10


def test_titles_may_change_while_a_search_pauses() -> None:
    titles = Titles()
    for n in range(3 * STEP):
        titles.put(f"i{n}", "same title")
    answer = list[str]()
    for step in titles.search("title"):
        if step is None:
            for n in range(0, 3 * STEP, 2):
                titles.drop(f"i{n}")
        else:
            answer.append(step)
    assert len(set(answer)) == len(answer)
    assert {f"i{n}" for n in range(1, 3 * STEP, 2)} <= set(answer)


@pytest.mark.parametrize(
    ("title", "query"),
    [("Toy Story", "tOY s"), ("STRASSE", "straße"), ("\uff26\uff55\uff4c\uff4c", "full"), ("Cafe\u0301", "café"),
     ("東京タワー", "京"),
     ("x" * INDEXED + "beyond", "x" * 400)],
)  # fmt: skip
def test_forms_of_one_text_find_each_other(title: str, query: str) -> None:
    titles = Titles()
    titles.put("i", title)
    assert found(titles, query) == ["i"]
    assert found(titles, "beyond") == []


def test_memory_is_given_back() -> None:
    titles = Titles()
    for n in range(1_000):
        titles.put(f"i{n}", f"title {n}")
        titles.put(f"i{n}", f"other {n}")
    for n in range(1_000):
        titles.drop(f"i{n}")
    assert len(titles) == 0
    assert not any(titles._places)
    assert titles._titles == {}


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("İstanbul", "istanbul"), ("\u00e7aydanl\u0131k", "CAYDANLIK"), ("The\u0301ie\u0300re", "théière"),
        ("Théière", "theiere"), ("ΤΣΑΓΙΕΡΑ", "τσαγιέρα"), ("إِبْرِيق", "ابريق"), ("Ёлка", "елка"),
        ("ティーポット", "ﾃｨｰﾎﾟｯﾄ"), ("红色茶壶", "茶壶"), ("กาน้ำชา", "น้ำ"), ("चायदानी", "चाय"),
        ("Stra\u00dfe", "STRASSE"), ("soft\u00adware", "software"),
    ],
)  # fmt: skip
def test_one_word_in_two_spellings_is_found(title: str, query: str) -> None:
    titles = Titles()
    titles.put("it", title)
    titles.put("other", "Enamel Mug")
    assert found(titles, query) == ["it"]
