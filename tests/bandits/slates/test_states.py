"""States at the borders of their cells."""

import pytest

from bandits.slates.states import STATES, session_state


@pytest.mark.parametrize(
    ("depths", "row"), [((1,), 0), ((2, 3), 1), ((4, 6), 2), ((7, 100), 3)], ids=["1", "2-3", "4-6", "7 and more"]
)
@pytest.mark.parametrize(("events", "column"), [((0, 4), 0), ((5, 24), 1), ((25, 10**6), 2)])
def test_borders(depths: tuple[int, ...], row: int, events: tuple[int, ...], column: int) -> None:
    found = {session_state(depth, known) for depth in depths for known in events}
    assert found == {3 * row + column}
    assert found < set(range(STATES))
