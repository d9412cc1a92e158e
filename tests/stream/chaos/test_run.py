"""A short run of chaos: everything happens exactly once, all are answered, and every model is that of the fold."""

from pathlib import Path

import pytest

from stream.chaos.fleet import END, KILL, LONG_STOP, Fault, Plan, Settings
from stream.chaos.run import run
from stream.config import Config

pytestmark = pytest.mark.kafka


def test_everything_happens_exactly_once(needs_kafka: None, tmp_path: Path) -> None:
    """Two workers: one stops for longer than its session, then the other is killed, and the first ends in good order.

    What is asked of the first one's users waits when the other is killed.
    """
    faults = Plan([[Fault(7.0, KILL, 1.0), Fault(30.0, KILL, 0.0)], [Fault(5.0, LONG_STOP, 8.0), Fault(6.0, END, 1.0)]])
    result = run(Config(), Settings(1, 25.0, 2, 300.0, 60.0), lambda _: None, faults, tmp_path)
    assert [(row.kind, row.times) for row in result.faults] == [(KILL, 1), (END, 1), (LONG_STOP, 1)]
    assert result.acknowledged == result.sent > 25 * 300 * 0.9
    assert (result.lost, result.doubled, result.broken, result.remarks) == (0, 0, {}, [])
    requests = result.requests
    assert requests.acknowledged == requests.sent > 25 * 60 * 0.9
    assert (requests.unanswered, sum(requests.answers.values())) == (0, requests.sent)
    assert requests.answers["fresh"] > requests.sent / 2
    assert requests.answers["fresh"] >= requests.decided >= requests.settled > 0
    assert requests.under_way > 10
    assert requests.longest_wait_s > 2.0
    assert result.workers_equal == [True, True]
    assert result.log["accepted"] > 0
    assert result.good
