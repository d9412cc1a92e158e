"""Keys: their scopes, expiry and replacement."""

import logging
import os
from pathlib import Path

import pytest

from stream.errors import UsageError
from stream.gateway.guard.keys import Keys, new_key

READ, ADMIN = "r" * 16, "a" * 20


def test_a_key_has_its_scopes_and_no_others() -> None:
    shop, shop_line = new_key("shop", "events+slates")
    boss, boss_line = new_key("boss", "admin")
    keys = Keys(f"{shop_line}, {boss_line}")
    caller = keys.find(shop)
    assert caller is not None
    assert (caller.name, sorted(caller.scopes), caller.expires) == ("shop", ["events", "slates"], None)
    assert [sorted(found.scopes) for found in [keys.find(boss)] if found] == [["admin"]]
    for wrong in ("", shop[:-1], shop + "r", shop_line, shop_line.rpartition("-")[2], "\udcff", "k" * 100_000):
        assert keys.find(wrong) is None


def test_the_configuration_does_not_reveal_a_key() -> None:
    key, line = new_key("shop", "events", "2127-01-31")
    assert key.startswith("hw_")
    assert len(key) > 43
    assert key not in line
    assert new_key("shop", "events")[0] != key


def test_old_names_of_scopes_and_plain_keys_are_accepted_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    keys = Keys(f"read+write:{READ}, admin:{ADMIN}")
    found, admin = keys.find(READ), keys.find(ADMIN)
    assert found is not None
    assert admin is not None
    assert sorted(found.scopes) == ["catalogue", "events", "slates"]
    assert sorted(admin.scopes) == ["admin"]
    assert found.name != admin.name
    assert "read is now slates, write is now events+catalogue; old names are accepted until version" in caplog.text
    assert "is in plain text" in caplog.text
    assert READ not in caplog.text


def test_two_keys_of_one_name_hold_while_one_is_replaced() -> None:
    (old, old_line), (new, new_line) = new_key("shop", "events"), new_key("shop", "events")
    keys = Keys(f"{old_line},{new_line}")
    assert [found.name for found in (keys.find(old), keys.find(new)) if found] == ["shop", "shop"]


def test_a_new_key_has_not_expired_yet() -> None:
    with pytest.raises(UsageError, match="--expires: must lie ahead, or the key admits nobody; got 2020-01-01"):
        new_key("shop", "events", "2020-01-01")
    assert not Keys("shop:events:sha256-" + "0" * 64 + ":2020-01-01").find("x"), (
        "an old line of the configuration is read"
    )


@pytest.mark.parametrize(
    ("expires", "at"),
    [("2127-01-31", 4957027200.0), ("2127-01-31T12:00:00", 4957070400.0), ("2127-01-31T12:00:00+01:00", 4957066800.0)],
)
def test_a_key_may_expire(expires: str, at: float) -> None:
    key, line = new_key("shop", "events", expires)
    found = Keys(line).find(key)
    assert found is not None
    assert found.expires == at


@pytest.mark.parametrize(
    "text",
    [
        "secret", f"root:{READ}", f":{READ}", "read:short", f"read:{READ},write:", "shop:events:sha256-abc",
        f"shop:root:sha256-{'0' * 64}", f"shop:own:sha256-{'0' * 64}", f"a b:events:sha256-{'0' * 64}",
        f"shop:events:sha256-{'0' * 64}:tomorrow",
    ],
)  # fmt: skip
def test_errors_do_not_repeat_the_key(text: str) -> None:
    with pytest.raises(UsageError, match=r"gateway.keys: key \d: ") as found:
        Keys(text)
    assert READ not in str(found.value)
    assert "short" not in str(found.value)


def replace(path: Path, text: str, at: int) -> None:
    path.write_text(text)
    os.utime(path, (at, at))


def test_the_file_is_read_again_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys"
    (first, first_line), (second, second_line) = new_key("a", "events"), new_key("b", "slates")
    replace(path, f"# of the shop\n\n{first_line}\n", 1)
    keys = Keys("", str(path))
    caller = keys.find(first)
    assert caller is not None
    assert not keys.refresh()
    replace(path, f"{second_line}\n", 2)
    assert keys.refresh()
    assert (keys.find(first), keys.holds(caller)) == (None, False)
    assert keys.find(second) is not None
    replace(path, "nonsense", 3)
    assert not keys.refresh()
    assert not keys.refresh()
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    assert "keys: line 1: must be NAME:SCOPES:sha256-HASH" in caplog.text
    assert "the keys stay as they were" in caplog.text
    assert keys.find(second) is not None
    path.unlink()
    assert not keys.refresh()
    assert keys.find(second) is not None


def test_an_empty_file_admits_nobody(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# none yet\n")
    assert Keys("", str(path))
    assert not Keys("")
    with pytest.raises(UsageError, match=r"keys_file .*gone: cannot be read: No such file"):
        Keys("", str(tmp_path / "gone"))
