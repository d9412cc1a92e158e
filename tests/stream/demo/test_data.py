"""MovieLens as the demo plays it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.demo.data import FOLDER, interleaved, load
from stream.errors import UsageError
from tests.support.demo import rating


def test_the_shipped_data_are_complete() -> None:
    data = load()
    assert (len(data.films), len(data.history), len(data.live)) == (9742, 20_000, 80_836)
    assert "README.txt" in {path.name for path in FOLDER.iterdir()}, "its licence goes with it"


def test_history_is_by_time_and_live_keeps_each_users_order() -> None:
    data = load()
    times = [event.timestamp for _, event in data.history]
    assert times == sorted(times)
    assert times[-1] <= min(event.timestamp for _, event in data.live)
    last: dict[str, float] = {}
    for _, event in data.live:
        assert last.get(event.user_id, 0.0) <= event.timestamp
        last[event.user_id] = event.timestamp


def test_missing_data_are_an_error_that_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the demo's films are missing; they are part of a checkout"):
        load(tmp_path)


@given(users=st.lists(st.sampled_from("abcdef"), max_size=40), at_once=st.integers(1, 8))
def test_interleaving_loses_nothing_and_keeps_each_users_order(users: list[str], at_once: int) -> None:
    log = [rating(user, "i", number) for number, user in enumerate(users)]
    found = list(interleaved(log, at_once))
    assert sorted(event.event_id for _, event in found) == sorted(event.event_id for _, event in log)
    for user in set(users):
        numbers = [event.timestamp for _, event in found if event.user_id == user]
        assert numbers == sorted(numbers)


def test_users_take_turns() -> None:
    log = [rating(user, "i", number) for user in "abc" for number in range(3)]
    assert "".join(event.user_id for _, event in interleaved(log, at_once=3)) == "abcabcabc"
