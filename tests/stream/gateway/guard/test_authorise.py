"""Who is admitted: keys, tokens, back-off; and what the audit says."""

import asyncio
import json
import logging
import time
from pathlib import Path

import pytest

from stream.config import Gateway
from stream.gateway.guard.keys import new_key
from stream.gateway.guard.limits import FREE_ATTEMPTS
from stream.gateway.handlers.parts import KEYS as GUARD_KEYS
from stream.gateway.handlers.parts import TOKENS
from tests.support.served import Served, served

SECRET = "s" * 40
KEYS = {name: new_key(name, scopes) for name, scopes in (
    ("events", "events"), ("catalogue", "catalogue"), ("slates", "slates"), ("admin", "admin"),
    ("both", "events+slates"),
)}  # fmt: skip
LINES = ",".join(line for _, line in KEYS.values())
JSON = "Content-Type: application/json"
NOTHING = b"[]"  # a body that is refused after the key was accepted: nothing is written
ALLOWED: list[tuple[str, str, set[str]]] = [  # method, path, which keys
    ("POST", "/v1/events", {"events", "both"}),
    ("GET", "/v1/users/ada/recommendations", {"slates", "both"}),
    ("GET", "/v1/users/ada/explanation", {"slates", "both"}),
    ("GET", "/v1/items", {"slates", "both"}),
    ("GET", "/v1/items/a/similar", {"slates", "both"}),
    ("HEAD", "/v1/stream", {"slates", "both"}),
    ("PUT", "/v1/items/a", {"catalogue"}),
    ("PUT", "/v1/users/a", {"catalogue"}),
    ("PATCH", "/v1/users/a", {"catalogue"}),
    ("PATCH", "/v1/items/a", {"catalogue"}),
    ("DELETE", "/v1/items/" + "x" * 300, {"admin"}),
    ("DELETE", "/v1/users/" + "x" * 300, {"admin"}),
    ("POST", "/v1/recommendations", {"slates", "both"}),
    ("POST", "/v1/tokens", {"admin", "both"}),
]


def settings(keys: str = LINES, **more: object) -> Gateway:
    return Gateway(keys=keys, token_secret=SECRET, **more)  # type: ignore[arg-type]


def bearer(key: str) -> str:
    return f"Authorization: Bearer {key}"


@pytest.mark.parametrize(("method", "path", "names"), ALLOWED)
def test_scopes_are_told_apart(method: str, path: str, names: set[str]) -> None:
    async def use(site: Served) -> None:
        for name, (key, _) in KEYS.items():
            status, answer = await site.ask(method, path, bearer(key), JSON, body=NOTHING)
            assert (status not in (401, 403)) is (name in names), (name, status, answer)

    served(settings(), use)


def test_a_token_is_good_for_its_user_only() -> None:
    async def use(site: Served) -> None:
        body = b'{"user_id": "ada", "seconds": 60}'
        status, answer = await site.ask("POST", "/v1/tokens", bearer(KEYS["admin"][0]), JSON, body=body)
        assert status == 201
        issued = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert issued["user_id"] == "ada"
        assert 50 < issued["expires"] - time.time() <= 60
        token = bearer(issued["token"])
        event = {"type": "view", "event_id": "e", "user_id": "ben", "item_id": "i", "timestamp": time.time()}
        for method, path, content, status in (
            ("GET", "/v1/users/ada/recommendations", b"", 200),
            ("GET", "/v1/users/ada/explanation", b"", 501),  # no worker is configured: admitted
            ("HEAD", "/v1/stream", b"", 200),
            ("HEAD", "/v1/stream?user=ada&topics=slate,event,outcome", b"", 200),
            ("GET", "/v1/users/ben/recommendations", b"", 403),
            ("GET", "/v1/users/ben/explanation", b"", 403),
            ("HEAD", "/v1/stream?user=ben", b"", 403),
            ("HEAD", "/v1/stream?topics=stats", b"", 403),
            ("GET", "/v1/items", b"", 403),
            ("PUT", "/v1/items/a", b"{}", 403),
            ("PUT", "/v1/users/ada", b"{}", 403),
            ("DELETE", "/v1/users/ada", b"", 403),
            ("POST", "/v1/tokens", body, 403),
            ("POST", "/v1/events", json.dumps(event).encode(), 422),
        ):
            found, answer = await site.ask(method, path, token, JSON, body=content)
            assert found == status, (method, path, answer)
        assert b"the token is signed for another user" in answer

    served(settings(), use)


def test_forged_and_expired_tokens_are_refused() -> None:
    async def use(site: Served) -> None:
        tokens, now = site.app[TOKENS], time.time()
        token, *_ = tokens.sign("ada", 60, now)
        old, *_ = tokens.sign("ada", 60, now - 100)
        head, claims, signature = token.split(".")
        for wrong, says in (
            (old, b"the token has expired"), (f"{head}.{claims}.", b"is not signed"),
            (f"{head}.{claims}.{signature[::-1]}", b"is not signed"),
            ("eyJhbGciOiJub25lIn0." + claims + ".", b"not signed"),
        ):  # fmt: skip
            status, answer = await site.ask("GET", "/v1/users/ada/recommendations", bearer(wrong))
            assert status == 401
            assert says in answer

    served(settings(), use)


def test_a_token_is_called_back_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# nothing yet\n")

    async def use(site: Served) -> None:
        first, second, other = (site.app[TOKENS].sign(user, 600, time.time()) for user in ("ada", "ada", "ben: x"))

        async def admitted() -> list[bool]:
            path.touch()
            site.app[GUARD_KEYS].refresh()
            asked = ((first, "ada"), (second, "ada"), (other, "ben%3A%20x"))
            answers = [
                await site.ask("GET", f"/v1/users/{user}/recommendations", bearer(of.token)) for of, user in asked
            ]
            assert all(b"the token was revoked" in answer for status, answer in answers if status != 200)
            return [status == 200 for status, _ in answers]

        assert await admitted() == [True, True, True]
        path.write_text(f"revoked:{first.token_id}\n")
        assert await admitted() == [False, True, True]
        path.write_text(f"revoked-user:ben: x\nrevoked:{first.token_id}\n")
        assert await admitted() == [False, True, False]
        path.write_text("revoked:\n")  # a line that says nothing: everything stays as it was
        assert await admitted() == [False, True, False]
        path.write_text("")
        assert await admitted() == [True, True, True]

    served(settings(keys_file=str(path)), use)


def test_the_stream_of_a_revoked_token_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys"
    path.write_text("")
    monkeypatch.setattr("stream.gateway.feed.KEEP_ALIVE_S", 0.05)

    async def use(site: Served) -> None:
        signed = site.app[TOKENS].sign("ada", 600, time.time())
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write("\r\n".join(("GET /v1/stream HTTP/1.1", "Host: localhost", bearer(signed.token), "", "")).encode())
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        path.write_text(f"revoked:{signed.token_id}\n")
        assert site.app[GUARD_KEYS].refresh()
        await asyncio.wait_for(reader.readuntil(b"\r\n0\r\n\r\n"), 5)
        writer.close()

    served(settings(keys_file=str(path)), use)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"user_id": 7}', b'{"user_id": ""}', b'{"user_id": "a", "seconds": 1e9}', b"[]", b"x",
             b'{"user_id": "a", "seconds": -1}', b'{"user": "a"}', b'{"user_id": "\\u0000"}'],
)  # fmt: skip
def test_tokens_are_asked_for_as_documented(body: bytes) -> None:
    async def use(site: Served) -> None:
        status, answer = await site.ask("POST", "/v1/tokens", bearer(KEYS["admin"][0]), JSON, body=body)
        assert status in (400, 422), answer

    served(settings(), use)


def test_a_hundred_wrong_keys_are_slowed_down_and_a_right_one_is_not() -> None:
    async def use(site: Served) -> None:
        path = "/v1/users/ada/recommendations"
        statuses = [(await site.ask("GET", path, bearer(f"wrong-{n}" * 3)))[0] for n in range(100)]
        assert statuses[:FREE_ATTEMPTS] == [401] * FREE_ATTEMPTS
        assert statuses.count(429) > 50
        status, answer = await site.ask("GET", path, bearer("wrong" * 4))
        assert (status, b"Retry-After: " in answer) == (429, True)

    async def trusted(site: Served) -> None:
        path, right = "/v1/users/ada/recommendations", bearer(KEYS["slates"][0])
        assert (await site.ask("GET", path, right))[0] == 200
        statuses = [(await site.ask("GET", path, bearer(f"wrong-{n}" * 3)))[0] for n in range(30)]
        assert 429 in statuses
        assert (await site.ask("GET", path, right))[0] == 200, "others behind the same proxy are not locked out"

    served(settings(), use)
    served(settings(), trusted)


def test_an_expired_key_is_refused_by_name() -> None:
    key, line = new_key("shop", "slates")
    line += ":2020-01-31"

    async def use(site: Served) -> None:
        status, answer = await site.ask("GET", "/v1/items", bearer(key))
        assert status == 401
        assert b"the key shop expired at 2020-01-31T00:00:00+00:00: ask for a new one" in answer

    served(settings(line), use)


def test_streams_are_limited_by_caller() -> None:
    async def use(site: Served) -> None:
        held = []
        for name, wanted in (("slates", 200), ("slates", 200), ("slates", 429), ("both", 200)):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            lines = ("GET /v1/stream HTTP/1.1", "Host: localhost", bearer(KEYS[name][0]), "", "")
            writer.write("\r\n".join(lines).encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert int(head[9:12]) == wanted
            held.append(writer)
        for writer in held:
            writer.close()

    served(settings(streams_per_caller=2), use)


def test_the_audit_names_who_wrote_and_who_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    async def use(site: Served) -> None:
        await site.ask("PUT", "/v1/items/secret-id", bearer(KEYS["catalogue"][0]), JSON, body=NOTHING)
        await site.ask("GET", "/v1/items", bearer(KEYS["slates"][0]))
        await site.ask("GET", "/v1/items", bearer(KEYS["events"][0]))
        await site.ask("GET", "/v1/items", bearer("wrong" * 5))

    with caplog.at_level(logging.INFO, "stream.gateway.guard.audit"):
        served(settings(), use)
    found = [
        json.loads(record.getMessage().removeprefix("audit ")) for record in caplog.records if record.levelno == 20
    ]
    item, all_ = "/v1/items/{item_id}", "/v1/items"
    assert [tuple(each[key] for key in ("name", "scope", "method", "route", "status")) for each in found] == [
        ("catalogue", "catalogue", "PUT", item, 422), ("events", "slates", "GET", all_, 403),
        ("", "slates", "GET", all_, 401),
    ]  # fmt: skip
    for key, _ in KEYS.values():
        assert key not in caplog.text
    assert "wrongwrong" not in caplog.text
