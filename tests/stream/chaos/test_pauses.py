"""Standstills, and the faults that may explain them."""

import pytest

from stream.chaos.pauses import Pauses, Standstill, during

T = 1_700_000_000.0


def test_standstills_of_one_topic_do_not_overlap_and_the_longest_comes_first() -> None:
    pauses = Pauses(T)
    for sent, accepted in ((1.0, 9.0), (2.0, 9.0), (8.0, 9.5), (20.0, 24.0), (21.0, 21.2)):
        pauses.add("events.view/0", T + sent, T + accepted)
    pauses.add("events.view/1", T + 5.0, T + 11.0)
    found = [(each.where, each.at - T, round(each.length_s, 1)) for each in pauses.standstills()]
    assert found == [("events.view/0", 1.0, 8.0), ("events.view/1", 5.0, 6.0), ("events.view/0", 20.0, 4.0)]
    assert pauses.longest(T + 10, T + 30) == pytest.approx(4.0)


def test_faults_of_before_count_if_their_effect_may_last() -> None:
    still = Standstill("events.view/0", T, 5.0)
    faults = [("kill -9", T - 20.0), ("SIGTERM", T - 9.0), ("SIGSTOP", T + 5.5)]
    assert during(still, faults, 10.0) == ["SIGTERM -9"]
    assert during(still, faults, 30.0) == ["kill -9 -20", "SIGTERM -9"]
