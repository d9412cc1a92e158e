"""What a policy learns from a settled decision."""

import numpy as np
import pytest

from bandits import Outcome
from stream.model.outcomes import drawn_part, outcome, unpack_lists
from stream.records.log import (
    Decision,
    Settlement,
    Step,
)
from tests.support.logs import T


def test_lists_are_packed_with_65535_where_they_are_short() -> None:
    packed = np.array([0, 1, 65535, 2, 65535, 65535], "<u2").tobytes()
    assert unpack_lists(packed, 2).tolist() == [[0, 1, -1], [2, -1, -1]]


def decision() -> Decision:
    return Decision(
        "d2", T + 9, "sarsa", 0.3, 0, 7, ["b", "a"], bytes([1]), bytes([128, 0]), b"", b"",
        np.array([1, 65535, 0, 1], "<u2").tobytes(),
    )  # fmt: skip


def step(discount: float, following: Decision | None) -> Step:
    settled = Settlement("d", "hit", 0, 2.0, discount, T, T + 9, "sarsa", 3, ["a"], bytes([0]), bytes([0, 255]), b"")
    return Step.without_event("u", settled=settled, decision=following)


def outcome_of(each: Step) -> Outcome:
    assert each.settled is not None
    return outcome(each.settled, each, 2, 4)


def test_the_next_slate_is_bootstrapped_on_within_a_session() -> None:
    found = outcome_of(step(0.5, decision()))
    assert (found.state_tm1, found.hit, found.reward, found.discount_t, found.state_t) == (3, 0, 2.0, 0.5, 7)
    assert found.offered_ranks.tolist() == [[0, 255]]
    assert found.next_sources is not None
    assert found.next_sources.tolist() == [1]
    assert found.next_lists is not None
    assert found.next_lists.tolist() == [[1, -1], [0, 1]]


@pytest.mark.parametrize("each", [step(0.0, decision()), step(0.5, None)], ids=["session ended", "slate deferred"])
def test_without_a_next_slate_the_discount_is_0(each: Step) -> None:
    found = outcome_of(each)
    assert (found.discount_t, found.state_t) == (0.0, 0)
    assert found.next_sources is None
    assert found.next_offered_ranks is None
    assert found.next_lists is None


@pytest.mark.parametrize(("hit", "learned", "reward"), [(0, 0, 2.0), (3, -1, 0.0), (-1, -1, 0.0)])
def test_a_policy_learns_of_the_slots_that_it_drew(hit: int, learned: int, reward: float) -> None:
    settled = Settlement(
        "d", "hit" if hit >= 0 else "miss", hit, 2.0 if hit >= 0 else 0.0, 0.0, T, T + 9, "sarsa", 3, list("abcd"),
        bytes([0, 1, 255, 255]), bytes([0, 128, 0, 128, *[255] * 4]), b"",
    )  # fmt: skip
    found = drawn_part(settled, lists=2, slots=2)
    assert (found.hit, found.reward, found.sources, found.offered_ranks) == (
        learned, reward, bytes([0, 1]), bytes([0, 128, 0, 128]),
    )  # fmt: skip
    assert drawn_part(settled, lists=2, slots=4) is settled
