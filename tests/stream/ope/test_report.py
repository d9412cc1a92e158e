"""Estimates, their intervals and warnings."""

import numpy as np

from stream.ope.replay import Fixed, Log, prepare
from stream.records.schemas import Outcome
from tests.support.off_policy import OFFERING, estimates


def test_slot_estimators_have_narrower_intervals_than_whole_slates(log: Log) -> None:
    found = estimates(log, Fixed(OFFERING, "content"))
    widths = {name: np.ptp(each["interval"]) for name, each in found.items()}
    assert widths["reward interaction"] < widths["whole slate"]
    assert widths["cascade DR"] < widths["whole slate"]
    assert found["whole slate"]["effective_decisions"] < found["reward interaction"]["effective_decisions"]


def test_few_decisions_give_a_warning(logged: list[Outcome]) -> None:
    found = estimates(prepare(logged[:80]), Fixed(OFFERING, "content"))
    assert "log longer, or explore more" in found["whole slate"]["warning"]
