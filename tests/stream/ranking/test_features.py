"""The ranker's columns, computed by hand."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learners import NEVER
from stream.config import Config, Slate
from stream.model.fold import Model
from stream.ranking.features import OWN, Joined, Known, Moment, Past, describe, feature_names, initial_weights
from stream.records.log import LOG_VERSION, Batch, Claim, ItemChange, LoggedEvent, Step
from stream.records.schemas import Item
from stream.state.user import User
from stream.state.users import Users, apply

SOURCES = ("slow", "fast")
NAMES = feature_names(SOURCES)
T = 1_700_000_000.0
MOMENT = Moment(
    kind=1, twice=True, repeat_rate=0.4, immediate_rate=0.2, events=9.0, depth=3.0, in_session=1, gap=60.0, now=T
)


def byte(value: float) -> int:
    """A value of [0, 1] in one byte."""
    return math.floor(255 * value + 0.5)


def rows_of(joined: Joined, **others: Any) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """The features in an array that held something else before."""
    columns = np.full((3 * len(joined.scores) + len(OWN) + 1, len(joined.items) + 3), 77, np.uint8)
    describe(joined=joined, columns=columns, **others)
    assert (columns[:, len(joined.items) :] == 77).all()
    return columns[:, : len(joined.items)].T


def tiny(*zero_if_seen: int) -> dict[str, dict[str, int]]:
    """Items 0 to 3 as candidates of a user who saw 0 last and 2 before; a list of each source."""
    found = rows_of(
        joined=Joined(
            items=np.arange(4, dtype=np.int32),
            proposed=np.array([[0, 1, 3], [2, 0, 3]], np.int32),
            lengths=np.array([3, 3]),
            scores=np.array([[8.0, 4.0, 0.0, 2.0], [1.0, 0.0, 4.0, 2.0]], np.float32),
            places=np.array([0, -1, 1, -1], np.int32),
        ),
        past=Past(
            np.array([0, 2], np.int32),
            np.array([2, 1], np.int32),
            np.array([NEVER, T - 3600]),
            np.array([1, 2], np.uint8),
            np.array([T - 60, T - 3600]),
        ),
        recent=np.array([0, 2], np.int32),
        known=Known(
            np.array([1, 2, 2, 0], np.int32),
            np.array([0, 10, 5, 12], np.int64),
            np.array([12, 10, 6, -1], np.int64),
            np.array([0.0, T - 60, T - 61, T - 59]),
            12,
        ),
        moment=MOMENT,
        zero_if_seen=np.array(zero_if_seen, np.int64),
    )
    return {name: dict(zip(NAMES, row, strict=True)) for name, row in zip("abcd", found[:, :-1].tolist(), strict=True)}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("a", {"slow_value": 255, "slow_rank": 255, "slow_log_value": 255}),
        ("a", {"fast_value": byte(1 / 4), "fast_rank": byte(1 / 2), "fast_log_value": byte(1 + math.log(1 / 4) / 8)}),
        ("b", {"slow_value": byte(1 / 2), "slow_rank": byte(1 / 2)}),
        ("b", {"fast_value": 0, "fast_rank": 0, "fast_log_value": 0}),
        ("c", {"slow_value": 0, "slow_rank": 0, "slow_log_value": 0, "fast_value": 255, "fast_rank": 255}),
        ("a", {"seen": 255, "seen_rank": 255, "seen_bought": 0, "seen_times": byte(math.log(3) / 3)}),
        ("c", {"seen": 255, "seen_rank": byte(1 / 2), "seen_bought": 255, "seen_times": byte(math.log(2) / 3)}),
        ("a", {"seen_early": byte(1 / 4), "seen_x_repeat_rate": byte(0.4)}),
        ("b", {"seen": 0, "seen_rank": 0, "seen_times": 0, "seen_early": 0, "seen_x_repeat_rate": 0, "last": 0}),
        ("a", {"last": 255, "last_x_click": 255, "last_x_purchase": 0, "last_x_twice": 255}),
        ("a", {"last_x_immediate_rate": byte(0.2)}),
        ("a", {"seen_clicked": 255, "seen_in_session": 255, "after_click": 255, "after_purchase": 0}),
        ("c", {"seen_clicked": 0, "seen_in_session": 0}),
        ("a", {"seen_recency": byte(1 - math.log(61) / 15), "seen_x_gap": byte(math.log(61) / 15)}),
        ("a", {"last_x_gap": byte(math.log(61) / 15), "gap": byte(math.log(61) / 15)}),
        ("c", {"seen_recency": byte(1 - math.log(3601) / 15), "last_x_gap": 0, "gap": byte(math.log(61) / 15)}),
        ("b", {"seen_recency": 0, "seen_x_gap": 0, "last_x_gap": 0, "gap": byte(math.log(61) / 15)}),
        ("c", {"last": 0, "last_x_click": 0, "last_x_twice": 0, "last_x_immediate_rate": 0}),
        ("a", {"same_category": 255, "category_share": byte(1 / 1.8)}),
        ("b", {"same_category": 0, "category_share": byte(0.8 / 1.8)}),
        ("d", {"same_category": 0, "category_share": 0, "idle": 0}),
        ("a", {"age": byte(1 / (1 + math.log(13) / 2)), "idle": 0, "trend": 0}),
        ("b", {"age": byte(1 / (1 + math.log(3) / 2)), "idle": byte(1 / (1 + math.log(3) / 2)), "trend": 0}),
        ("c", {"trend": 0, "agreement": byte(1 / 2)}),
        ("d", {"age": 255, "trend": 255, "agreement": 255, "new_since": 255}),
        ("a", {"new_since": 0}),
        ("b", {"new_since": 0}),
        ("a", {"agreement": 255}),
        ("b", {"agreement": byte(1 / 2)}),
        ("d", {"history": byte(math.log(10) / 6), "depth": byte(math.log(4) / 4), "repeat_rate": byte(0.4)}),
    ],
)  # fmt: skip
def test_columns_by_hand(item: str, expected: dict[str, int]) -> None:
    row = tiny()[item]
    assert {name: row[name] for name in expected} == expected


def test_columns_of_a_source_can_be_zero_for_seen_items() -> None:
    plain, quiet = tiny(), tiny(1)
    for item, row in quiet.items():
        changed = {name for name in NAMES if row[name] != plain[item][name]}
        seen = {"a": {"fast_value", "fast_rank", "fast_log_value"}, "c": {"fast_value", "fast_rank", "fast_log_value"}}
        assert changed == seen.get(item, set())
        assert item not in seen or not any(row[name] for name in changed)


def test_every_column_says_something() -> None:
    rows = tiny().values()
    same = {name for name in NAMES if len({row[name] for row in rows}) == 1}
    of_the_user = {"history", "depth", "repeat_rate", "gap", "after_click", "after_purchase"}
    assert same == {"last_x_purchase", *of_the_user}, "no purchase; one user"


def test_names_are_unique_and_as_wide_as_the_matrix() -> None:
    assert len(set(NAMES)) == len(NAMES) == len(tiny()["a"])
    assert len(feature_names(("one", "two", "three"))) - len(NAMES) == len(NAMES) - len(feature_names(("one",)))
    names = Model(Config()).ranking.columns
    assert len(set(names)) == len(names)


def test_first_weights_are_of_known_columns() -> None:
    weights = initial_weights(SOURCES)
    assert set(weights) <= set(NAMES)
    assert all(weight > 0 for weight in weights.values())


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.data())
def test_extreme_numbers_stay_within_a_byte(data: st.DataObject) -> None:
    """A byte that wraps around would be a small number where a large one is meant."""
    n, seen, events = 3, data.draw(st.integers(0, 3)), data.draw(st.integers(0, 10**9))
    big = st.floats(0, 2.0**100, width=32)
    scores = np.array([[data.draw(big) for _ in range(n)] for _ in SOURCES], np.float32)
    found = rows_of(
        joined=Joined(
            items=np.arange(n, dtype=np.int32),
            proposed=np.array([data.draw(st.permutations(range(n))) for _ in SOURCES], np.int32),
            lengths=np.array([data.draw(st.integers(0, n)) for _ in SOURCES]),
            scores=scores,
            places=np.array([place if place < seen else -1 for place in range(n)], np.int32),
        ),
        past=Past(
            np.arange(seen, dtype=np.int32),
            np.array([data.draw(st.integers(1, 10**6)) for _ in range(seen)], np.int32),
            np.array([data.draw(st.sampled_from([NEVER, T])) for _ in range(seen)], np.float64),
            np.array([data.draw(st.integers(0, 2)) for _ in range(seen)], np.uint8),
            np.array([data.draw(st.floats(0, 4e9)) for _ in range(seen)], np.float64),
        ),
        recent=np.arange(seen, dtype=np.int32),
        known=Known(
            np.array([data.draw(st.integers(0, 2)) for _ in range(n)], np.int32),
            np.array([data.draw(st.integers(0, events)) for _ in range(n)], np.int64),
            np.array([data.draw(st.integers(-1, events)) for _ in range(n)], np.int64),
            np.array([data.draw(st.floats(0, 4e9)) for _ in range(n)], np.float64),
            events,
        ),
        moment=Moment(2, True, data.draw(st.floats(0, 1)), data.draw(st.floats(0, 1)), 1e9, 1e9, 99, 4e9, 4e9),
        zero_if_seen=np.empty(0, np.int64),
    )
    rows = [dict(zip(NAMES, row, strict=True)) for row in found[:, :-1].tolist()]
    assert all(row["history"] == row["depth"] == row["gap"] == 255 for row in rows)
    for s, source in enumerate(SOURCES):
        order = np.argsort(scores[s], kind="stable")
        for part in ("value", "log_value"):
            values = [rows[item][f"{source}_{part}"] for item in order]
            assert values == sorted(values), "a higher score is never a lower column"
        assert scores[s].max() == 0 or rows[order[-1]][f"{source}_value"] == 255


def test_features_through_the_model() -> None:
    """Through the model: one user, two items of one category, of which one was bought twice in a row."""
    model, users = Model(Config(slate=Slate(slots=3))), Users()
    records: list[Any] = [ItemChange(item, Item(item_id=item, categories=["x"])) for item in "ab"]
    for n in range(2):
        event = LoggedEvent(2, n, f"e{n}", "a", 2, T + n, None, None)
        records.append(Step("u", event, ["a"] * n, n, None, None, None))
        apply(users, records[-1], 1800)
    model.fold(Claim(LOG_VERSION, "users/0", "t"), 0)
    model.fold(Batch(LOG_VERSION, "users/0", 0, 0, {}, T, records), 1)
    found = model.ranker.candidates("u", users["u"], T + 2, 3)
    rows = {
        model.vocabulary.ids[item]: dict(zip(model.ranking.columns, row, strict=True))
        for item, row in zip(found.items.tolist(), found.features.tolist(), strict=True)
    }
    facts = ("seen", "seen_bought", "last_x_purchase", "last_x_click", "last_x_twice")
    assert [rows["a"][name] for name in facts] == [255, 255, 255, 0, 255]
    assert rows["a"]["seen_times"] == byte(math.log(3) / 3)
    assert (rows["b"]["seen"], rows["b"]["same_category"], rows["b"]["category_share"]) == (0, 255, 255)
    assert rows["a"]["repeat_rate"] == byte(2.5 / 7)
    assert (rows["a"]["idle"], rows["b"]["idle"]) == (0, 0), "not counted for items of the user's own"


def test_a_user_without_a_past_has_no_history() -> None:
    model = Model(Config(slate=Slate(slots=3)))
    model.fold(Claim(LOG_VERSION, "items/0", "t"), 0)
    model.fold(Batch(LOG_VERSION, "items/0", 0, 0, {}, T, [ItemChange(item, Item(item_id=item)) for item in "abc"]), 1)
    features = model.ranker.candidates("u", User(), T, 3).features
    column = model.ranking.columns.index
    assert features.shape == (3, len(model.ranking.columns))
    assert not features[:, [column("seen"), column("last"), column("same_category"), column("history")]].any()
