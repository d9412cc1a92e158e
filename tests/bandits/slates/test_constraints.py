"""Caps and pins in the draw, against a plain reading of their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bandits import (
    EXHAUSTED,
    NO_CONSTRAINTS,
    PINNED,
    Constraints,
    Disagreement,
    Outcome,
    Policy,
    Slate,
    draw_slate,
    make_policy,
)
from tests.support.slate_constraints import LISTS, SLOTS, Cap, constraints_of


def plain_heads(
    lists: NDArray[np.int32], caps: list[Cap], pins: dict[int, int], above: list[int]
) -> dict[int, tuple[int, int]]:
    """Rank and item of each live source's offer, read off the definition."""
    slot = len(above)

    def fits(item: int) -> bool:
        for cap in caps:
            if slot >= cap.first:
                continue
            fixed = [pin for place, pin in pins.items() if place < cap.first]
            others = [other for other in above if other not in pins.values()]
            same = [other for other in fixed + others if other % cap.modulus == item % cap.modulus]
            if len(same) >= cap.at_most:
                return False
        return item not in above and item not in pins.values()

    found = {}
    for a, row in enumerate(lists.tolist()):
        head = next(((rank, item) for rank, item in enumerate(row) if item >= 0 and fits(item)), None)
        if head is not None:
            found[a] = head
    return found


CAPS = st.lists(st.builds(Cap, st.integers(1, 4), st.integers(1, 3), st.integers(1, 5)), max_size=2)
PINS = st.dictionaries(st.integers(0, 4), st.integers(0, 9), max_size=2).filter(
    lambda pins: len(set(pins.values())) == len(pins)
)


@st.composite
def some_lists(draw: st.DrawFn) -> NDArray[np.int32]:
    lists = np.full((draw(st.integers(1, 3)), 5), -1, np.int32)
    for row in lists:
        items = draw(st.lists(st.integers(0, 9), max_size=5, unique=True))
        row[: len(items)] = items
    return lists


@settings(max_examples=300, deadline=None, derandomize=True)
@given(some_lists(), CAPS, PINS, st.lists(st.floats(0, 1, exclude_max=True), min_size=5, max_size=5))
def test_a_slate_follows_the_definition(
    lists: NDArray[np.int32], caps: list[Cap], pins: dict[int, int], uniforms: list[float]
) -> None:
    scores = np.arange(len(lists) * 4, dtype=np.float64).reshape(-1, 4) % 3
    slate = draw_slate(lists, scores, 0.5, np.array(uniforms), constraints_of(lists, caps, pins))
    above: list[int] = []
    waiting = [pins[slot] for slot in sorted(pins)]
    for j, item in enumerate(slate.items.tolist()):
        offered_ranks = plain_heads(lists, caps, pins, above)
        slots = sorted(pins)[len(pins) - len(waiting) :]
        if waiting and (slots[0] <= j or not offered_ranks):
            assert (item, slate.sources[j], slate.propensities[j]) == (waiting.pop(0), PINNED, 1.0)
            assert slate.offered_ranks[j].tolist() == [EXHAUSTED] * len(lists)
        else:
            got = {a: int(head) % 128 for a, head in enumerate(slate.offered_ranks[j].tolist()) if head != EXHAUSTED}
            assert got == {a: rank for a, (rank, _) in offered_ranks.items()}
            assert {a for a, head in enumerate(slate.offered_ranks[j]) if head < 128} == {
                a for a, (_, other) in offered_ranks.items() if other == item
            }
        above.append(item)
    assert len(above) == 5 or not (waiting or plain_heads(lists, caps, pins, above))


def learned(policy: Policy, outcome: Outcome, names: tuple[str, ...]) -> list[bytes]:
    policy.learn_one(outcome)
    return [policy.state()[name].tobytes() for name in names]


@pytest.mark.parametrize(
    ("name", "tables"),
    [("q_learning", ("q", "evidence")), ("sarsa", ("q", "evidence")), ("disagreement", ("cells", "pooled"))],
)
def test_a_pinned_slot_gives_no_source_credit(name: str, tables: tuple[str, ...]) -> None:
    policy, twin = (make_policy(name, sources=3, slots=SLOTS, n_states=1) for _ in range(2))
    slate = policy.draw(0, LISTS, np.zeros(1), constraints_of(LISTS, [], {0: 9}))
    assert slate.sources.tolist() == [PINNED]
    before = [policy.state()[table].tobytes() for table in tables]
    for hit in (0, -1):
        outcome = Outcome(0, slate.offered_ranks, slate.sources, hit, float(hit == 0))
        assert learned(policy, outcome, tables) == before
    below = policy.draw(0, LISTS, np.zeros(2), constraints_of(LISTS, [], {0: 9}))
    learned(policy, Outcome(0, below.offered_ranks, below.sources, 1, 1.0), ())
    learned(twin, Outcome(0, below.offered_ranks, below.sources, 1, 1.0), ())
    counts = [other.state()["examination_by_cell"].tolist() for other in (policy, twin)]
    assert counts[0] == counts[1], "pinned slots do not count towards the examination"


def test_the_value_of_a_slate_leaves_pinned_slots_out() -> None:
    policy = make_policy("sarsa", sources=3, slots=SLOTS, n_states=1)
    slate = policy.draw(0, LISTS, np.zeros(2), constraints_of(LISTS, [], {0: 9}))
    outcome = Outcome(0, slate.offered_ranks, slate.sources, 1, 1.0, 0.5, 0, slate.offered_ranks, slate.sources, LISTS)
    assert np.isfinite(policy.learn_one(outcome))


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        (NO_CONSTRAINTS._replace(at_most=np.ones(1, np.int32)), "one row of groups, at_most, first and used"),
        (constraints_of(LISTS[:2], [Cap(2, 1, 9)], {}), "the shape of the lists"),
        (constraints_of(LISTS, [Cap(9, 1, 9)], {})._replace(used=np.zeros((1, 3), np.int32)), "a column in used"),
        (NO_CONSTRAINTS._replace(pins=np.ones(1, np.int32)), "every pin must have a slot"),
    ],
)
def test_constraints_that_do_not_fit_are_refused(constraints: Constraints, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Disagreement(sources=3, slots=SLOTS).draw(0, LISTS, np.zeros(SLOTS), constraints)


def test_without_constraints_nothing_changes() -> None:
    slate: Slate = draw_slate(LISTS, np.zeros((3, 4)), 0.0, np.zeros(5), NO_CONSTRAINTS)
    assert slate.items.tolist() == [1, 3, 5, 2, 6]
