"""A user's history as the model numbers it."""

import pytest

from learners import NEVER, Vocabulary
from stream.ranking.past import moment, past, session
from stream.records.log import LoggedEvent
from stream.state.user import User
from tests.support.users import live

T = 1_700_000_000.0


def visits(*items: str, kind: int = 0, start: float = T) -> list[LoggedEvent]:
    return [LoggedEvent(0, 0, f"{item}{n}{start}", item, kind, start + n, None, None) for n, item in enumerate(items)]


def test_the_history_is_newest_first_and_leaves_out_what_the_model_does_not_know() -> None:
    user = live(*visits(*"abca"), *visits("b", kind=2, start=T + 9), *visits("d", start=T + 10))
    found = past(user, Vocabulary("dcb"))
    assert found.items.tolist() == [0, 2, 1]
    assert (found.times.tolist(), found.counts.tolist()) == ([T + 10, T + 9, T + 2], [1, 2, 1])
    assert (found.kinds.tolist(), found.bought.tolist()) == ([0, 2, 0], [NEVER, T + 9, NEVER])
    assert session(user, Vocabulary("dcb")).tolist() == [0, 2, 1, 2]


def test_a_copy_does_not_follow_the_user() -> None:
    user, vocabulary = live(*visits("a")), Vocabulary("ab")
    found = past(user, vocabulary)
    user.remember(visits("b", start=T + 5)[0], None, 1800.0)
    assert (found.items.tolist(), past(user, vocabulary).items.tolist()) == ([0], [1, 0])


def test_an_item_is_known_once_the_model_has_folded_it() -> None:
    user, vocabulary = live(*visits("a", "b")), Vocabulary("a")
    assert past(user, vocabulary).items.tolist() == [0]
    vocabulary.intern("b")
    assert past(user, vocabulary).items.tolist() == [1, 0]


@pytest.mark.parametrize(("since", "item"), [(T - 1, 2), (T + 0.5, 0), (T + 99, 0)])
def test_a_renewed_id_means_what_it_meant_when_the_user_saw_it(since: float, item: int) -> None:
    user, vocabulary = live(*visits("a", "b")), Vocabulary("ab")
    assert past(user, vocabulary).items.tolist() == [1, 0]
    vocabulary.renew("a", since)
    assert past(user, vocabulary).items.tolist() == [1, item]
    assert session(user, vocabulary).tolist() == [1, item]


def test_renewed_ids_of_others_change_nothing() -> None:
    user, vocabulary = live(*visits("a", "b")), Vocabulary("abc")
    vocabulary.renew("c", T)
    assert past(user, vocabulary).items.tolist() == session(user, vocabulary).tolist() == [1, 0]


def test_the_moment_of_a_user() -> None:
    user = live(*visits("a", "b", "b", "a"), *visits("c", kind=1, start=T + 4))
    assert moment(user, T + 64) == (1, False, 3.5 / 10, 2 / 10, 5.0, 5.0, 3, 60.0, T + 64)
    assert moment(user, T).gap == 0.0, "slates are made for the past, too"


def test_the_moment_of_nobody() -> None:
    found = moment(User(), T)
    assert (found.kind, found.twice, found.repeat_rate, found.immediate_rate) == (-1, False, 1.5 / 5, 1 / 5)
    assert (found.events, found.depth, found.in_session, found.gap) == (0.0, 0.0, 0, T)
