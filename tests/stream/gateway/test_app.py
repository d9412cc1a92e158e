"""Which addresses may be served, and what strangers may send: always an answer that helps, never a failure."""

import gzip
import json
import logging
import re

import pytest

from stream.config import Config, Gateway
from stream.errors import UsageError
from stream.gateway.app import check
from stream.gateway.guard.keys import new_key
from stream.gateway.handlers.parts import READ_MODEL
from stream.gateway.routes import ROUTES
from stream.records.schemas import Item
from tests.support.served import Served, served

READ = "r" * 16
JSON = "Content-Type: application/json"
SHOP, SHOP_LINE = new_key("shop", "events+catalogue+slates")
OPEN = Gateway(keys=SHOP_LINE, rate=1e6, burst=1e6)
KEY = f"Authorization: Bearer {SHOP}"
USER = "/v1/users/%s/recommendations"


def test_other_machines_are_served_with_keys_or_if_open() -> None:
    for allowed in (Gateway(), Gateway(host="0.0.0.0", open=True), Gateway(host="0.0.0.0", keys=f"read:{READ}")):
        check(Config(gateway=allowed))
    with pytest.raises(UsageError, match="others could reach it without a key"):
        check(Config(gateway=Gateway(host="0.0.0.0")))


ODD: list[tuple[str, str, tuple[str, ...], bytes, set[int]]] = [  # method, path, headers, body, statuses
    ("GET", "/v1/items", ("Authorization: Bearer \xff\xfe",), b"", {401}),
    ("GET", "/v1/items", ("Authorization: \xff",), b"", {401}),
    ("GET", "/v1/items", ("Authorization: Bearer a.b.c",), b"", {401}),
    ("GET", "/v1/items", (KEY, KEY + "x"), b"", {200, 400}),
    ("GET", "/v1/items", (KEY, "Origin: \xff", "Cookie: \xff=;;", "X-Forwarded-For: \xff"), b"", {200}),
    *(("GET", USER % odd, (KEY,), b"", {422}) for odd in ("%2e%2e", "%2E", "..", "%00", "%0d%0a", "%1b", "x" * 257)),
    *(("PUT", f"/v1/items/{odd}", (KEY, JSON), b"{}", {422}) for odd in ("%2e%2e", "%00", "%c2%85", "x" * 257)),
    *(("GET", USER % odd, (KEY,), b"", {400}) for odd in ("%ff", "%ed%a0%80", "%c0%ae", "%u1234", "%", "%%", "\xe4")),
    ("GET", USER % "%2f", (KEY,), b"", {200}),
    ("GET", USER % "a" + "?k=0000000019999", (KEY,), b"", {422}),
    ("GET", USER % "a" + "?k=" + "9" * 4000, (KEY,), b"", {422}),
    ("GET", USER % "a" + "?k=1&k=40", (KEY,), b"", {422}),
    ("GET", USER % "a" + "?k=%EF%BC%95", (KEY,), b"", {422}),
    ("GET", USER % "a" + "?exclude=" + ",".join(map(str, range(500))), (KEY,), b"", {422}),
    ("GET", "/v1/items?query=%00", (KEY,), b"", {422}),
    ("GET", "/v1/items?query=%ff", (KEY,), b"", {400}),
    ("GET", "/v1/items?query=" + "a" * 300, (KEY,), b"", {422}),
    ("GET", "/v1/stream?user=" + "a" * 300, (KEY,), b"", {422}),
    ("GET", "/v1/stream?topics=all", (KEY,), b"", {422}),
    ("GET", "/v1/items", (KEY, "X: " + "a" * 20_000), b"", {400}),
    ("GET", "/v1/items", (KEY, *(f"X{n}: 1" for n in range(500))), b"", {400}),
    ("GET", "/v1/items?query=" + "a" * 20_000, (KEY,), b"", {400}),
    ("GET", "/v1/items", (KEY, "Host: a", "Host: b"), b"", {400}),
    ("GET", "/v1/items", (KEY, "Upgrade: websocket"), b"", {200}),
    ("GET", "/v1/items", (KEY, "Range: bytes=0-0"), b"", {200}),
    ("PUT", "/v1/items/a", (KEY, JSON), b'{"x":' + b"[" * 300 + b"]" * 300 + b"}", {422}),
    ("PUT", "/v1/items/a", (KEY, JSON), b'{"x":' + b'{"a":' * 300 + b"1" + b"}" * 301, {422}),
    ("PUT", "/v1/users/a", (KEY, JSON), b"[" * 60_000 + b"]" * 60_000, {413, 422}),
    ("PUT", "/v1/items/a", (KEY, JSON), b'{"title": "\xff"}', {400}),
    ("PUT", "/v1/items/a", (KEY, JSON), b"{" + b" " * 300_000 + b"}", {413}),
    ("PUT", "/v1/items/a", (KEY, JSON), b'{"item_id": "b"}', {422}),
    ("PUT", "/v1/items/a", (KEY, JSON), b'{"item_id": {"a": 1}}', {422}),
    ("POST", "/v1/events", (KEY, JSON), b"[" * 300 + b"]" * 300, {422}),
    ("POST", "/v1/events", (KEY, JSON), b"[" * 100_000 + b"]" * 100_000, {413}),
    ("POST", "/v1/events", (KEY, JSON), b"[" * 10_000 + b"]" * 10_000, {400}),
    ("POST", "/v1/events", (KEY, JSON), b'[{"a":' + b"[" * 300 + b"]" * 300 + b"}]", {422}),
    ("POST", "/v1/events", (KEY, JSON), b"[" + b"1," * 400_000 + b"1]", {400}),
    ("POST", "/v1/events", (KEY, JSON), b"[" + b"{}," * 300_000 + b"{}]", {413}),
    ("POST", "/v1/events", (KEY, JSON), b"[" + b"{}," * 1_001 + b"{}]", {413}),
    ("POST", "/v1/events", (KEY, JSON), b"", {400}),
    ("POST", "/v1/events", (KEY, JSON, "Content-Encoding: gzip"), b'{"a": 1}', {415}),
    ("POST", "/v1/events", (KEY, JSON, "Content-Encoding: gzip"), gzip.compress(b"0" * 20_000_000), {415}),
    ("PUT", "/v1/items/a", (KEY, JSON, "Content-Encoding: br"), b"{}", {415}),
    ("PUT", "/v1/items/a", (KEY, "Content-Type: \xff"), b"{}", {415}),
    ("POST", "/v1/events", (KEY, JSON, "Content-Length: 99999999999999999999999"), b"", {400}),
    ("PATCH", "/v1/items/a", (KEY, "Content-Type: application/json-patch+json"), b"[]", {415}),
    ("PATCH", "/v1/items/a", (KEY, "Content-Type: application/merge-patch+json"), b"{}", {404}),
    ("PUT", "/v1/items/a", (KEY, "Content-Type: application/merge-patch+json"), b"{}", {415}),
    ("PATCH", "/v1/users/a", (KEY, JSON), b"[]", {422}),
    ("PATCH", "/v1/users/a", (KEY, JSON), b'{"attributes": {"a": ["b"]}}', {422}),
    ("PATCH", "/v1/users/%2e%2e", (KEY, JSON), b"{}", {422}),
    ("POST", "/v1/events", (KEY, JSON, "Transfer-Encoding: chunked", "Transfer-Encoding: identity"), b"0", {400}),
    ("POST", "/v1/events", (KEY, JSON, "Content-Length: +2"), b"{}", {400}),
    ("GET", "/v1/items", (KEY, "X: a", " folded"), b"", {400}),
    ("POST", "/v1/events", (KEY, JSON, "Content-Length: 999999999"), b"", {413}),
    ("POST", "/v1/events", (KEY, JSON, "Content-Length: -1"), b"", {400}),
    ("POST", "/v1/events", (KEY, JSON, "Content-Length: 1", "Content-Length: 2"), b"", {400}),
    ("POST", "/v1/events", (KEY, JSON, "Transfer-Encoding: chunked"), b"zzzz\r\nfoo", {400}),
    ("POST", "/v1/events", (KEY, JSON, "Expect: something"), b"{}", {417}),
    ("POST", "/v1/tokens", (KEY, JSON), b'{"user_id": "a"}', {501}),
    *((method, "/v1/items", (KEY,), b"", {400, 404, 405}) for method in ("TRACE", "CONNECT", "PROPFIND", "A" * 50)),
    ("OPTIONS", "*", (), b"", {404}),
]  # fmt: skip


def test_odd_requests_get_an_answer_that_helps(caplog: pytest.LogCaptureFixture) -> None:
    async def send(site: Served) -> None:
        for method, path, headers, body, statuses in ODD:
            what = f"{method} {path[:60]} {[line[:40] for line in headers]} {body[:40]!r}"
            answer = await site.raw(_request(method, path, headers, body))
            assert re.match(rb"HTTP/1.[01] \d{3} ", answer), what
            status = int(answer[9:12])
            assert status in statuses, f"{what}: {status} {answer[-200:]!r}"
            if status >= 400:
                head, _, text = answer.partition(b"\r\n\r\n")
                assert b"application/problem+json" in head, what
                assert json.loads(text)["status"] == status, what
        assert (await site.ask("GET", USER % "ada", KEY))[0] == 200

    with caplog.at_level(logging.INFO):
        served(OPEN, send)
    assert "Traceback" not in caplog.text
    assert SHOP not in caplog.text


def _request(method: str, path: str, headers: tuple[str, ...], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close"]
    names = {line.partition(":")[0].lower() for line in headers}
    lines += ["Host: localhost"] * ("host" not in names)
    if not names & {"content-length", "transfer-encoding"} and method in ("PUT", "POST", "PATCH"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\r\nX : y\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/events HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0",
)  # fmt: skip


def test_what_is_no_request_is_refused_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def send(site: Served) -> None:
        for text in GARBAGE:
            answer = await site.raw(text)
            assert re.match(rb"HTTP/1.[01] 400 ", answer), text
            assert b"this is not a request of HTTP/1.1" in answer, text

    served(OPEN, send)
    assert "Traceback" not in caplog.text


def test_head_is_answered_wherever_get_is() -> None:
    async def send(site: Served) -> None:
        site.app[READ_MODEL].item("a", Item(item_id="a", title="A"))
        paths = [each.path for each in ROUTES if each.method == "GET"]
        assert len(paths) > 4
        for path in (*paths, "/", "/docs", "/console/console.js"):
            asked = path.replace("{user_id}", "ada").replace("{item_id}", "a")
            status, answer = await site.ask("HEAD", asked, KEY)
            assert answer.endswith(b"\r\n\r\n"), asked
            if not asked.endswith("/stream"):
                assert status == (await site.ask("GET", asked, KEY))[0], asked
            assert status != 405, asked

    served(OPEN, send)


def test_search_finds_only_what_may_be_shown() -> None:
    async def send(site: Served) -> None:
        read_model = site.app[READ_MODEL]
        for name in ("here", "hidden", "old", "gone"):
            read_model.item(name, Item(item_id=name, title=f"Teapot {name}", available=name != "hidden",
                                       expires_at=1.0 if name == "old" else None))  # fmt: skip
        read_model.item("gone", None)
        for query in ("?query=teapot", "?query=teapot%20", ""):
            status, answer = await site.ask("GET", f"/v1/items{query}", KEY)
            assert status == 200
            found = [each["item_id"] for each in json.loads(answer.partition(b"\r\n\r\n")[2])["items"]]
            assert found == ["here"], query
        assert (await site.ask("GET", "/v1/items/hidden", KEY))[0] == 200, "it can be read, to be changed"

    served(OPEN, send)


def test_metrics_are_for_this_machine_or_need_their_token() -> None:
    async def with_token(site: Served) -> None:
        assert (await site.ask("GET", "/metrics"))[0] == 401
        assert (await site.ask("GET", "/metrics", KEY))[0] == 401
        assert (await site.ask("GET", "/metrics", "Authorization: Bearer \xff"))[0] == 401
        assert (await site.ask("GET", "/metrics", f"Authorization: Bearer {'m' * 20}"))[0] == 200

    async def without(site: Served) -> None:
        assert (await site.ask("PROPFIND", "/"))[0] == 405
        status, answer = await site.ask("GET", "/metrics")
        assert status == 200
        assert b'method="other"' in answer
        assert b"PROPFIND" not in answer, "a sender may not invent labels"

    served(Gateway(keys=SHOP_LINE, metrics_token="m" * 20), with_token)
    served(OPEN, without)


def test_without_keys_only_loopbacks_names_are_answered() -> None:
    async def send(site: Served) -> None:
        for host, status in (
            ("localhost", 200), ("LOCALHOST:8080", 200), ("127.0.0.1:1", 200), ("[::1]:80", 200), ("shop.example", 200),
            ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("localhost.evil.example", 421), ("", 421),
            ("10.0.0.1", 421), ("\xff", 421), ("localhost:80:90", 421), ("127.1", 421), ("[::1", 421), ("0.0.0.0", 421),
        ):  # fmt: skip
            assert (await site.ask("GET", USER % "ada", f"Host: {host}"))[0] == status, host
            assert (await site.ask("GET", "/", f"Host: {host}"))[0] == status, host
        for path, status in (
            ("http://localhost/v1/items", 200), ("http://shop.example/", 200), ("http://127.0.0.1:1/v1/items", 200),
            ("http://evil.example/v1/items", 421), ("http://localhost@evil.example/v1/items", 421),
            ("http://evil.example:80/", 421), ("https://evil.example/v1/items", 421),
        ):  # fmt: skip
            assert (await site.ask("GET", path, "Host: localhost"))[0] == status, path
        for origin, status in (
            ("http://localhost:3000", 200), ("https://shop.example", 200), ("http://127.0.0.1", 200),
            ("https://evil.example", 403), ("null", 403), ("\xff", 403), ("http://[", 403),
        ):  # fmt: skip
            assert (await site.ask("GET", USER % "ada", f"Origin: {origin}"))[0] == status, origin
        assert (await site.ask("GET", "/healthz", "Host: 10.0.0.7:8080"))[0] == 200, "probes ask by address"

    served(Gateway(hosts="shop.example"), send)


def test_with_keys_names_are_checked_if_they_are_configured() -> None:
    async def any_name(site: Served) -> None:
        assert (await site.ask("GET", USER % "ada", KEY, "Host: anything.example"))[0] == 200

    async def named(site: Served) -> None:
        assert (await site.ask("GET", USER % "ada", KEY, "Host: shop.example"))[0] == 200
        assert (await site.ask("GET", USER % "ada", KEY, "Host: anything.example"))[0] == 421

    served(OPEN, any_name)
    served(Gateway(keys=SHOP_LINE, hosts="shop.example"), named)
