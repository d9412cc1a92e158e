"""Lines of a log that say the same."""

import logging

from stream.metrics.log_filter import MAX_KINDS, PERIOD_S, Repeats


def record(at: float, message: str = "node %s: %s", *args: object, name: str = "client") -> logging.LogRecord:
    made = logging.LogRecord(name, logging.ERROR, "", 0, message, args, None)
    made.created = at
    return made


def test_one_line_of_a_kind_in_ten_seconds_and_the_number_of_the_others() -> None:
    repeats = Repeats()
    shown = [
        line.getMessage()
        for at in range(100)
        if repeats.filter(line := record(1000.0 + at / 4, "node %s: %s", at, "refused"))
    ]
    assert shown == ["node 0: refused", "node 40: refused (and 39 like it)", "node 80: refused (and 39 like it)"]


def test_other_loggers_and_messages_are_not_held_back() -> None:
    repeats = Repeats()
    assert all(repeats.filter(record(0.0, "a", name=name)) for name in ("one", "two"))
    assert repeats.filter(record(0.0, "b", name="one"))
    assert not repeats.filter(record(PERIOD_S - 0.1, "b", name="one"))


def test_a_clock_that_goes_back_holds_nothing_back() -> None:
    repeats = Repeats()
    assert repeats.filter(record(1000.0))
    assert repeats.filter(record(500.0))


def test_what_is_remembered_has_a_bound() -> None:
    repeats = Repeats()
    for n in range(3 * MAX_KINDS):
        assert repeats.filter(record(0.0, f"message {n}"))
    assert len(repeats._kinds) <= MAX_KINDS
