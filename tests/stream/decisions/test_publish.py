"""What the log says, in the words of the wire."""

import json
from typing import Any

import jsonschema
import numpy as np
import pytest
from msgspec import Struct

from stream.decisions.publish import outcomes, recommendation, recommendations, slates
from stream.records.codec import encode
from stream.records.log import Batch, Decision, ItemChange, LoggedEvent, ProfileChange, Settlement, Step
from stream.records.schemas import Outcome, OutcomeType, Recommendation, Slot, json_schema

LISTS = ("ranked", "popularity", "recently_seen")
T = 1_700_000_000.0


def floats(*values: float) -> bytes:
    return np.array(values, np.float32).tobytes()


EVENT = LoggedEvent(1, 7, "e7", "x", 1, T, None, None)
DECISION = Decision(
    "3.0.0",
    T,
    "sarsa",
    0.1,
    12,
    4,
    ["a", "b", "c"],
    bytes([2, 0]),
    b"",
    floats(0.5, 1.0),
    floats(0.75, 0.25),
    b"",
    reasons=bytes([0, 4]),
)


def settlement(outcome: OutcomeType, hit: int, reward: float) -> Settlement:
    return Settlement(
        "2.9.1",
        outcome,
        hit,
        reward,
        0.0,
        T - 60,
        T,
        "sarsa",
        4,
        ["a", "b"],
        bytes([1, 2]),
        b"offered_ranks",
        floats(0.5, 1.0),
        b"lists",
    )


def batch(*records: Any) -> Batch:
    return Batch(1, "users/0", 3, 0, {}, T, list(records))


def valid(record: Struct) -> dict[str, Any]:
    """As a reader gets it; it must keep the published schema."""
    found: dict[str, Any] = json.loads(encode(record))
    jsonschema.validate(found, json_schema(type(record)))
    return found


def test_a_slate_as_it_is_published() -> None:
    ((_, found),) = recommendations(batch(Step("u", EVENT, [], 0, None, DECISION, None)), LISTS)
    assert found == Recommendation(
        user_id="u", decision_id="3.0.0", event_id="e7", timestamp=T, model_version=12, epoch=3, policy="sarsa",
        slots=[Slot("a", 0.75, "recently_seen", 0.5), Slot("b", 0.25, "ranked", 1.0, "recently_seen")],
    )  # fmt: skip
    assert valid(found)["slots"][1] == {
        "item_id": "b", "score": 0.25, "source": "ranked", "propensity": 1.0,
        "because": "recently_seen",
    }  # fmt: skip


def test_a_slate_can_be_published_again_unchanged_without_its_event() -> None:
    found = recommendation("u", DECISION, None, 3, LISTS)
    assert (found.event_id, found.decision_id, valid(found)["event_id"]) == (None, "3.0.0", None)


@pytest.mark.parametrize(
    ("outcome", "hit", "reward", "slot"),
    [("hit", 1, 2.0, 1), ("hit", 0, 1.0, 0), ("miss", -1, 0.0, None), ("void", -1, 0.0, None)],
)
def test_an_outcome_as_it_is_published(outcome: OutcomeType, hit: int, reward: float, slot: int | None) -> None:
    (found,) = outcomes(batch(Step("u", EVENT, [], 0, settlement(outcome, hit, reward), None, None)), LISTS)
    assert found == Outcome(
        user_id="u", decision_id="2.9.1", outcome=outcome, reward=reward, hit=slot, event_id="e7", decided_at=T - 60,
        settled_at=T, policy="sarsa", items=["a", "b"], sources=["popularity", "recently_seen"],
        propensities=[0.5, 1.0], discount=0.0, state=4, offering=list(LISTS), offered_ranks=b"offered_ranks",
        lists=b"lists",
    )  # fmt: skip
    assert valid(found)["hit"] == slot


def test_silence_has_no_event() -> None:
    (found,) = outcomes(batch(Step.without_event("u", settled=settlement("silent", -1, 0.0))), LISTS)
    assert (found.outcome, found.event_id, valid(found)["event_id"]) == ("silent", None, None)


def test_only_steps_are_published_in_the_order_of_the_batch() -> None:
    steps = [Step(user, EVENT, [], 0, settlement("miss", -1, 0.0), DECISION, None) for user in "vu"]
    whole = batch(
        ItemChange("i", None), steps[0], ProfileChange("w", None), Step("x", EVENT, [], 0, None, None, None), steps[1]
    )
    assert [(user, slate is None) for user, slate in recommendations(whole, LISTS)] == [
        ("v", False), ("w", True), ("u", False),
    ], "in order, with a tombstone for who is forgotten"  # fmt: skip
    assert [outcome.user_id for outcome in outcomes(whole, LISTS)] == ["v", "u"]
    assert [*recommendations(batch(), LISTS), *outcomes(batch(), LISTS)] == []


def test_a_slate_of_a_request_names_the_event_of_its_user_that_it_followed_in_the_batch() -> None:
    event, asked = Step("u", EVENT, [], 0, None, None, None), Step.without_event("u", decision=DECISION)
    others = Step("v", EVENT, [], 0, None, None, None)
    for records, wanted in (
        ([event, others, asked], "e7"), ([asked, event], None), ([others, asked], None),
        ([event, ProfileChange("u", None), asked], None),
    ):  # fmt: skip
        (found,) = [slate for _, slate in recommendations(batch(*records), LISTS) if slate is not None]
        assert found.event_id == wanted
    own = Step("u", EVENT, [], 0, None, DECISION, None)
    assert [event_id for _, _, event_id in slates(batch(own, asked))] == ["e7", None], "one that has its own slate"


def test_repeats_are_identical() -> None:
    whole = batch(Step("u", EVENT, [], 0, settlement("miss", -1, 0.0), DECISION, None))
    assert [encode(record) for record in outcomes(whole, LISTS)] == [
        encode(record) for record in outcomes(whole, LISTS)
    ]
