"""Keys, scopes and buckets."""

import pytest

from stream.errors import UsageError
from stream.gateway.access import MAX_CALLERS, Buckets, Caller, Keys

READ, ADMIN = "r" * 16, "a" * 20


def test_a_key_has_its_scopes_and_no_others() -> None:
    keys = Keys(f"read:{READ}, read+write+admin:{ADMIN}")
    reader, admin = keys.caller(READ, "x"), keys.caller(ADMIN, "x")
    assert reader is not None
    assert admin is not None
    assert sorted(reader.scopes) == ["read"]
    assert sorted(admin.scopes) == ["admin", "read", "write"]
    assert reader.name != admin.name
    for wrong in (None, "", READ[:-1], READ + "r", "read:" + READ):
        assert keys.caller(wrong, "x") is None


def test_without_keys_the_address_is_the_caller() -> None:
    caller = Keys("").caller(None, "127.0.0.1")
    assert caller == Caller("127.0.0.1", frozenset({"read", "write", "admin"}))


@pytest.mark.parametrize("text", ["secret", f"root:{READ}", f":{READ}", "read:short", f"read:{READ},write:"])
def test_errors_do_not_repeat_the_key(text: str) -> None:
    with pytest.raises(UsageError, match=r"gateway.keys: key \d: must be SCOPES:KEY") as found:
        Keys(text)
    assert READ not in str(found.value)
    assert "short" not in str(found.value)


def test_each_caller_has_a_bucket_that_refills() -> None:
    buckets = Buckets(rate=2.0, burst=3.0)
    assert [buckets.take("ada", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]
    assert buckets.take("ben", 0.0) == 0.0
    assert [buckets.take("ada", 1.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert [buckets.take("ada", 100.0) for _ in range(4)] == [0.0, 0.0, 0.0, 1.0]


def test_buckets_are_bounded() -> None:
    buckets = Buckets(rate=1.0, burst=1.0)
    for n in range(MAX_CALLERS + 10):
        buckets.take(str(n), 0.0)
    assert len(buckets._left) == MAX_CALLERS
