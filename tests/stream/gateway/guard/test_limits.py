"""Buckets, wrong keys and shares."""

from stream.gateway.guard.limits import (
    FORGIVEN_S,
    FREE_ATTEMPTS,
    LONGEST_WAIT_S,
    MAX_CALLERS,
    TRUSTED_S,
    Attempts,
    Buckets,
    Shares,
)


def test_each_caller_has_a_bucket_that_refills() -> None:
    buckets = Buckets(rate=2.0, burst=3.0)
    assert [buckets.take("ada", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
    assert buckets.take("ben", 0.0) == 0.0
    assert [buckets.take("ada", 1.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert [buckets.take("ada", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]


def test_what_costs_more_takes_more_and_never_more_than_all() -> None:
    buckets = Buckets(rate=2.0, burst=8.0)
    assert [buckets.take("ada", 0.0, 5.0), buckets.take("ada", 0.0, 5.0), buckets.take("ada", 0.0, 3.0)] == [0, 1, 0]
    assert [buckets.take("ben", 0.0, 100.0), buckets.take("ben", 0.0, 100.0)] == [0.0, 4.0]


def test_buckets_are_bounded() -> None:
    buckets = Buckets(rate=1.0, burst=1.0)
    for n in range(MAX_CALLERS + 10):
        buckets.take(str(n), 0.0)
    assert len(buckets._left) == MAX_CALLERS


def test_a_hundred_wrong_keys_are_made_to_wait() -> None:
    attempts, now, looked_at = Attempts(), 0.0, 0
    for _ in range(100):
        if not attempts.wait("a", now):
            attempts.wrong("a", now)
            looked_at += 1
        now += 0.01
    assert looked_at == FREE_ATTEMPTS + 1
    assert attempts.wait("a", now) == 1.0
    assert attempts.wait("b", now) == 0.0


def test_each_further_wrong_key_doubles_the_wait() -> None:
    attempts, now, waits = Attempts(), 0.0, []
    for _ in range(FREE_ATTEMPTS + 12):
        attempts.wrong("a", now)
        waits.append(attempts.wait("a", now))
        now += waits[-1]
    assert waits[FREE_ATTEMPTS - 1 : FREE_ATTEMPTS + 4] == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert waits[-1] == LONGEST_WAIT_S
    attempts.wrong("a", now + FORGIVEN_S)
    assert attempts.wait("a", now + FORGIVEN_S) == 0.0


def test_an_address_with_a_right_key_is_trusted_for_a_while() -> None:
    attempts = Attempts()
    assert not attempts.trusted("a", 0.0)
    attempts.right("a", 0.0)
    for _ in range(FREE_ATTEMPTS + 1):
        attempts.wrong("a", 1.0)
    assert attempts.wait("a", 1.0)
    assert attempts.trusted("a", 1.0)
    assert not attempts.trusted("a", TRUSTED_S)


def test_shares_are_given_back() -> None:
    shares = Shares(1)
    assert shares.take("a")
    assert not shares.take("a")
    shares.give_back("a")
    assert len(shares) == 0
    assert shares.take("a")
