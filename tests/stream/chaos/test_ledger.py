"""The auditor of chaos: what it must notice, shown on logs written by hand."""

from stream.chaos.ledger import Ledger
from stream.config import Config
from stream.records.log import LOG_VERSION, Batch, Claim, LoggedEvent, SnapshotCommitted, Step, encode_message
from stream.records.schemas import Event

T = 1_700_000_000.0


def ledger_of(events: int) -> Ledger:
    """A ledger that knows of so many events of one user, acknowledged at `T`."""
    ledger = Ledger(Config())
    for n in range(events):
        ledger.send(Event(event_id=f"e-{n}", user_id="u1", item_id=f"i{n}", timestamp=T))
    ledger.acknowledge(range(events))
    ledger.fold(0, encode_message(Claim(LOG_VERSION, "users/0", "a")), 0)
    return ledger


def batch(seq: int, *numbers: int) -> bytes:
    """An owner's batch with these events."""
    steps = [
        Step("u1", LoggedEvent(0, n, f"e-{n}", f"i{n}", 0, T, None, None), [], 0, None, None, None) for n in numbers
    ]
    return encode_message(Batch(LOG_VERSION, "users/0", 0, seq, {"events.view": max(numbers) + 1}, T, list(steps)))


def test_what_is_missing_or_comes_twice_is_counted() -> None:
    ledger = ledger_of(4)
    ledger.fold(1, batch(0, 0, 1), 0)
    assert (ledger.missing(), ledger.accepted().tolist()) == (2, [1, 1, 0, 0])
    ledger.fold(2, batch(1, 1, 2), 0)
    assert (ledger.missing(), ledger.accepted().tolist()) == (1, [1, 2, 1, 0])
    ledger.fold(3, batch(1, 3), 0)
    assert ledger.missing() == 1, "a duplicate is not accepted"


def test_an_event_that_is_not_what_was_sent_breaks_a_law() -> None:
    ledger = ledger_of(2)
    other = LoggedEvent(0, 0, "e-0", "i1", 0, T, None, None)
    step = Step("u1", other, [], 0, None, None, None)
    ledger.fold(1, encode_message(Batch(LOG_VERSION, "users/0", 0, 0, {"events.view": 1}, T, [step])), 0)
    assert +ledger.broken == {"accepted unlike sent": 1}


def test_a_snapshot_moves_the_fingerprint_so_models_are_compared_at_one_offset() -> None:
    ledger = ledger_of(0)
    ledger.keep_digests()
    ledger.fold(1, encode_message(SnapshotCommitted(LOG_VERSION, "users/0", 0, "users", 1, 0, 1)), 0)
    assert ledger.digests is not None
    assert list(ledger.digests) == [1, 2]
    assert ledger.digests[1] != ledger.digests[2] == ledger.model.fingerprint()
