"""A run is good only if nothing is lost, doubled, broken, different or unexplained."""

from typing import Any

import pytest
from msgspec.structs import replace

from stream.chaos.fleet import Settings
from stream.chaos.requests import Requests
from stream.chaos.results import Result, Stall

ASKED = Requests(4, 4, 0, {"fresh": 3, "late": 1}, 1, 3, 2, 1, 2.0)
GOOD = Result(
    Settings(), [], 9, 9, 0, 0, {}, [True, True], 1.0, [Stall("events.view/0", 3.0, 9.0, 9.0, [])], ASKED, {}, []
)


def test_a_pause_as_long_as_its_faults_allow_is_good() -> None:
    assert (GOOD.good, GOOD.too_long) == (True, 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"lost": 1},
        {"doubled": 1},
        {"broken": {"settled twice": 1}},
        {"requests": replace(ASKED, unanswered=1)},
        {"workers_equal": [True, False]},
        {"standstills": [Stall("events.view/0", 3.0, 9.1, 9.0, [])]},
    ],
)
def test_any_fault_of_the_protocol_is_not_good(changed: dict[str, Any]) -> None:
    assert not GOOD._replace(**changed).good
