"""Content: the laws, a naive oracle, and the graph of neighbours."""

import copy
import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners.base import TOUCHED, About, Interaction, Query
from learners.checks import Check, yield_checks
from learners.content.content import Content
from learners.content.tokens import READ_WORDS, count_tokens

WORDS = ("green", "black", "tea", "coffee", "pot", "cup", "iron", "glass", "large", "small")
NOTHING = np.empty(0, np.int32)


def about(seed: int, *, vector: int = 0) -> About:
    rng = random.Random(f"{seed}/about")
    return About(
        title=" ".join(rng.choices(WORDS, k=3)),
        categories=(rng.choice(("kitchen", "garden")),),
        price=rng.choice((None, 1.0, 2.5, 10.0)),
        attributes={"brand": rng.choice(("a", "b")), "weight": 2.0},
        vectors={"image": tuple(rng.gauss(0.0, 1.0) for _ in range(vector))} if vector else {},
    )


class Described(Content):
    """Content whose first items come with a description: the checks know none.

    Not those after: they change how rare terms are, and so rightly the scores that a check wants unchanged.
    """

    def add_item(self, item: int) -> None:
        known = self._index.size
        super().add_item(item)
        for new in range(known, min(item + 1, 24)):
            self.describe(new, about(new, vector=self._rows.shape[1]))


def catalogue(source: Content, items: int) -> Content:
    for item in range(items):
        source.add_item(item)
        source.describe(item, about(item, vector=source._rows.shape[1]))
    return source


def ask(*recent: int) -> Query:
    return Query(np.array(recent, np.int32), 0.0, NOTHING)


CHECKS = [*yield_checks(Described()), *yield_checks(Described("image", 4))]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_law(check: Check) -> None:
    check.run()


def naive(source: Content, items: int, recent: tuple[int, ...], item: int) -> float:
    """The score of one item, from the descriptions alone."""
    rows = {n: _unit(count_tokens(about(n))) for n in range(items)}
    frequency = {term: sum(term in row for row in rows.values()) for row in rows.values() for term in row}
    profile: dict[int, float] = {}
    for n, other in enumerate(recent):
        for term, weight in rows[other].items():
            profile[term] = profile.get(term, 0.0) + 0.7**n * weight
    profile = _unit({term: x * math.log(1 + items / (1 + frequency[term])) for term, x in profile.items()})
    score = sum(weight * rows[item].get(term, 0.0) for term, weight in profile.items())
    prices = [(0.7**n, math.log(price)) for n, other in enumerate(recent) if (price := about(other).price)]
    own = about(item).price
    if prices and own:
        usual = sum(w * p for w, p in prices) / sum(w for w, _ in prices)
        score *= 1 + 0.5 * math.exp(-abs(usual - math.log(own)))
    return score


def _unit(row: dict[int, float]) -> dict[int, float]:
    length = math.sqrt(sum(x * x for x in row.values()))
    return {term: x / length for term, x in row.items()}


def test_scores_are_those_of_the_formula() -> None:
    items = 40
    source = catalogue(Content(), items)
    recent = (3, 17, 8, 3)
    scores = source.score_many(ask(*recent), np.arange(items, dtype=np.int32))
    assert scores.tolist() == pytest.approx([naive(source, items, recent, item) for item in range(items)], rel=1e-6)
    listed, best = source.top_k(ask(*recent), 10, np.zeros(items, np.uint8))
    order = sorted(range(items), key=lambda item: (-scores[item], item))[:10]
    assert listed.tolist() == order
    assert best.tolist() == scores[order].tolist()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 30)), min_size=1, max_size=40))
def test_only_the_last_description_counts(said: list[tuple[int, int]]) -> None:
    changed, once = Content("image", 3), Content("image", 3)
    for source in (changed, once):
        source.add_item(12)
    for item, seed in said:
        changed.describe(item, about(seed, vector=3))
    last = dict(said)
    for item in sorted(last, key=lambda item: max(n for n, (other, _) in enumerate(said) if other == item)):
        once.describe(item, about(last[item], vector=3))
    everything = np.arange(13, dtype=np.int32)
    query = ask(*last)
    assert changed.score_many(query, everything).tolist() == once.score_many(query, everything).tolist()
    free = np.zeros(13, np.uint8)
    assert changed.top_k(query, 13, free)[0].tolist() == once.top_k(query, 13, free)[0].tolist()
    assert changed._index.frequency.tolist() == once._index.frequency.tolist()


def test_an_item_without_events_is_found_and_without_description_is_not() -> None:
    source = catalogue(Content(), 20)
    source.add_item(21)
    source.describe(20, about(3))
    items, _ = source.top_k(ask(3), 30, np.zeros(22, np.uint8))
    assert items.tolist()[:2] == [3, 20]
    assert 21 not in items.tolist()
    assert source.score_many(ask(21), np.arange(22, dtype=np.int32)).tolist() == [0.0] * 22


def test_price_matters_among_equal_words() -> None:
    source = Content()
    for item, price in enumerate((10.0, 11.0, 40.0, None)):
        source.add_item(item)
        source.describe(item, About(title="tea", price=price))
    scores = source.score_many(ask(0), np.arange(4, dtype=np.int32)).tolist()
    assert scores == pytest.approx([1.5, 1 + 0.5 / 1.1, 1 + 0.5 / 4, 1.0])


@pytest.mark.parametrize("given", [(1.0,), (0.0, 0.0), (math.inf, 1.0), (math.nan, 1.0), (1e200, 1e200)])
def test_unusable_vectors_are_counted(given: tuple[float, ...]) -> None:
    source = Content("image", 2)
    source.add_item(0)
    source.describe(0, About(title="tea", vectors={"image": given, "sound": (1.0, 2.0, 3.0)}))
    assert source.refused == 1
    assert not source._rows[0].any()
    assert np.isfinite(source.score_many(ask(0), np.zeros(1, np.int32))).all()


def test_vectors_are_normalised_and_find_what_words_cannot() -> None:
    source = Content("image", 2)
    for item, vector in enumerate(((3.0, 4.0), (6.0, 8.0), (-3.0, -4.0))):
        source.add_item(item)
        source.describe(item, About(title=f"word{item}", vectors={"image": vector}))
    items, scores = source.top_k(ask(0), 5, np.array([TOUCHED, 0, 0], np.uint8))
    assert items.tolist() == [1]
    assert scores.tolist() == pytest.approx([1.0])


def test_why_names_the_strongest_first() -> None:
    source = Content()
    for item, title in enumerate(("coal", "black tea", "green tea pot", "iron", "green tea pot")):
        source.add_item(item)
        source.describe(item, About(title=title))
    assert source.why(ask(0, 1, 2, 3), 4) == [2, 1]
    assert source.why(ask(0, 3, 99, -1), 4) == []
    assert source.why(ask(0), 99) == []


def test_a_vector_needs_a_length_and_a_name() -> None:
    with pytest.raises(ValueError, match="go together"):
        Content("image")
    with pytest.raises(ValueError, match="go together"):
        Content(dimensions=3)


def test_restoring_another_shape_is_refused() -> None:
    source = catalogue(Content("image", 3), 5)
    with pytest.raises(ValueError, match="dimensions"):
        Content("image", 4).restore(source.state())
    with pytest.raises(ValueError, match="at most 2"):
        Content("image", 3, tokens=2).restore(source.state())


def test_long_texts_are_read_in_part() -> None:
    text = " ".join(f"word{n}" for n in range(5 * READ_WORDS))
    assert len(count_tokens(About(text=text))) <= READ_WORDS


def test_a_large_catalogue_is_asked_through_the_graph() -> None:
    large, exact = Content("image", 8, exact=256), Content("image", 8, exact=4_000)
    for source in (large, exact):
        catalogue(source, 600)
        for n in range(100):
            source.learn_one(Interaction(n, 0, 0.0, NOTHING, NOTHING))
    assert len(large._embeddings.nearest) == 600
    assert len(exact._embeddings.nearest) == 0
    assert large.state()["terms"].tobytes() == exact.state()["terms"].tobytes()
    with_graph = _hits(large, exact)
    assert with_graph > 0.75 * 50 * 5  # 128 steps along the lists; 64 items of these and 16 of the graph are scored
    large._embeddings.nearest.renew([])
    large._rated.made[:] = -(1 << 40)  # all rows are out of date
    assert _hits(large, exact) < with_graph


def test_a_short_search_finds_the_best_where_rare_words_are_shared() -> None:
    short, exact, rng = Content(exact=512), Content(exact=4_000), random.Random("titles")
    for item in range(3_000):
        title = " ".join(f"w{int(1_000 * rng.random() ** 3)}" for _ in range(5))  # some words are in every third title
        for source in (short, exact):
            source.add_item(item)
            source.describe(item, About(title=title, price=1.0 + item % 7))
    free, hits = np.zeros(3_000, np.uint8), 0
    everything = np.arange(3_000, dtype=np.int32)
    for n in range(100):
        query = ask(29 * n, 29 * n + 1, 29 * n + 2)
        found, scores = short.top_k(query, 10, free)
        assert short.score_many(query, found).tolist() == scores.tolist()
        assert np.count_nonzero(short.score_many(query, everything)) > 512 // 4, "any item can be asked for"
        hits += len(set(found.tolist()) & set(exact.top_k(query, 10, free)[0].tolist()))
    assert hits > 0.9 * 100 * 10  # 256 steps along the lists, at most 64 along one; 128 items are scored


def _hits(source: Content, exact: Content) -> int:
    """Of the best 5 for 50 queries, how many `source` finds."""
    free, hits = np.zeros(600, np.uint8), 0
    for n in range(50):
        found, scores = source.top_k(ask(n, n + 1), 5, free)
        assert source.score_many(ask(n, n + 1), found).tolist() == scores.tolist()
        hits += len(set(found.tolist()) & set(exact.top_k(ask(n, n + 1), 5, free)[0].tolist()))
    return hits


def test_a_copy_of_a_large_one_proposes_the_same() -> None:
    source = catalogue(Content("image", 8, exact=64), 400)
    for n in range(100):
        source.learn_one(Interaction(n, 0, 0.0, NOTHING, NOTHING))
    restored = Content("image", 8, exact=64)
    restored.restore(source.state())
    free = np.zeros(400, np.uint8)
    for twin in (restored, copy.deepcopy(source), pickle.loads(pickle.dumps(source))):
        for n in range(30):
            for ours, theirs in zip(source.top_k(ask(n), 10, free), twin.top_k(ask(n), 10, free), strict=True):
                assert ours.tolist() == theirs.tolist()


def test_the_graph_forgets_what_items_were() -> None:
    source = catalogue(Content("image", 8, exact=16), 20)
    for n in range(200):
        source.describe(n % 20, about(n, vector=8))
        assert len(source._embeddings.nearest) <= 2 * 20 + 4
    listed = [source.top_k(ask(n), 20, np.zeros(20, np.uint8))[0].tolist() for n in range(20)]
    assert all(len(set(items)) == len(items) for items in listed)


def test_who_does_not_wait_gets_what_was_described_before() -> None:
    source, nothing = Content(), np.empty(0, np.int32)
    titles = ["green tea", "black tea", "white tea"]
    for item, title in enumerate(titles[:2]):
        source.add_item(item)
        source.describe(item, About(title=title))
    query, blocked = Query(np.array([0], np.int32), 0.0, nothing), np.array([TOUCHED, 0, 0], np.uint8)
    assert source.top_k(query, 5, blocked[:2])[0].tolist() == [1]
    source.add_item(2)
    source.describe(2, About(title=titles[2]))
    assert source.top_k(query, 5, blocked, wait=False)[0].tolist() == [1]
    assert source.top_k(query, 5, blocked)[0].tolist() == [1, 2]
