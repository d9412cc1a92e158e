"""Every exported source keeps every law, and finds what checkerboard users like."""

import inspect
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import learners
from learners import Interaction, Popularity, Query, Source, yield_checks
from learners.checks import Check

SOURCES: list[type[Source]] = [
    cast("type[Source]", exported)
    for name in learners.__all__
    if inspect.isclass(exported := getattr(learners, name)) and hasattr(exported, "top_k") and exported is not Source
]
SMALL: dict[str, dict[str, Any]] = {  # histories reach their bounds
    "session_neighbours": {"max_sessions": 8},
    "user_neighbours": {"max_users": 4, "items_a_user": 10},
}
APART = {  # these hold to the laws in files of their own, because a law needs a description or a trait there
    "BiasedMF": "test_biased_mf", "BuyAgain": "test_buy_again", "Content": "test_content",
    "Factorization": "test_factorization", "GroupPopularity": "test_group_popularity", "NewItems": "test_new_items",
    "Repeats": "test_repeats", "SkipGram": "test_skip_gram", "Trending": "test_trending",
}  # fmt: skip
HERE = [make for make in SOURCES if make.__name__ not in APART]
CHECKS = [check for make in HERE for check in yield_checks(cast("Any", make)(**SMALL.get(make().name, {})))]
CHECKS += list(yield_checks(Popularity("trending", half_life=2, top=5)))
NOTHING = np.empty(0, np.int32)


def test_the_collection_is_not_empty() -> None:
    assert {make().name for make in HERE} == {
        "popularity",
        "categories",
        "covisitation",
        "sequential_rules",
        "session_neighbours",
        "user_neighbours",
        "recently_seen",
    }
    assert len({check.id for check in CHECKS}) == len(CHECKS) == 8 * 15
    assert "covisitation:check_prediction_changes_nothing" in {check.id for check in CHECKS}


@pytest.mark.parametrize("make", APART)
def test_every_other_source_is_held_to_the_laws_elsewhere(make: str) -> None:
    assert getattr(learners, make) in SOURCES
    (path,) = Path(__file__).parent.glob(f"*/{APART[make]}.py")
    assert "yield_checks(" in path.read_text()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_law(check: Check) -> None:
    check.run()


@pytest.mark.parametrize("make", [learners.CoVisitation, learners.SequentialRules])
def test_the_withheld_items_of_checkerboard_users_come_first(make: type[Source]) -> None:
    source, items, users = make(), 10, 20
    for item in range(items):
        source.add_item(item)
    past: list[list[int]] = [[] for _ in range(users)]
    for step in range(items // 2):
        for user in range(users):
            # even users like even items; each starts elsewhere; the last one is withheld
            item = (2 * (step + user // 2) + user % 2) % items
            if step < items // 2 - 1:
                newest = np.array(past[user][::-1], np.int32)
                source.learn_one(Interaction(item, 1, 0.0, newest, newest))
                past[user].append(item)
    for user in range(users):
        newest = np.array(past[user][::-1], np.int32)
        blocked = np.zeros(items, np.uint8)
        blocked[newest] = learners.TOUCHED
        best, _ = source.top_k(Query(newest, 0.0, newest), 1, blocked)
        withheld = set(range(user % 2, items, 2)) - set(past[user])
        assert set(best.tolist()) == withheld


@pytest.mark.parametrize("make", [learners.SessionNeighbours, learners.UserNeighbours])
def test_neighbours_are_others(make: type[Source]) -> None:
    """The user's own history is in the index too, and nearest to their query: it is left out."""
    source, items = make(), np.array([3, 1, 4], np.int32)
    for item in range(5):
        source.add_item(item)
    for n in range(3):
        past = items[3 - n :]
        source.learn_one(Interaction(int(items[2 - n]), 0, float(n), past, past, user=7))
    own, others = (source.score_many(Query(items, 9.0, items, user), np.arange(5, dtype=np.int32)) for user in (7, 8))
    assert not own.any()
    assert others.any()
