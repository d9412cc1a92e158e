"""Strong ETags and 304, asked of a running gateway without Kafka."""

import json

from stream.config import Gateway
from stream.gateway.handlers.parts import READ_MODEL
from stream.records.schemas import Item
from tests.support.gateway import T, slate
from tests.support.served import Served, served

PATHS = (
    "/v1/users/ada/recommendations", "/v1/users/ada/recommendations?k=2&fields=price", "/v1/users/new/recommendations",
    "/v1/items/a", "/v1/items/a/similar", "/v1/items?query=a", "/v1/items?limit=3", "/v1/users?limit=3",
)  # fmt: skip


def fields_of(answer: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = (line.partition(": ") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.lower(): value for name, _, value in lines}, body


def test_a_version_is_sent_once() -> None:
    async def send(site: Served) -> None:
        model = site.app[READ_MODEL]
        for item in "abcde":
            model.item(item, Item(item_id=item, title=item.upper()))
        model.slate("ada", slate(items="abc"), T)
        tags = []
        for path in PATHS:
            status, answer = await site.ask("GET", path)
            headers, body = fields_of(answer)
            tags.append(tag := headers["etag"])
            assert (status, headers["cache-control"]) == (200, "private, no-cache"), path
            assert json.loads(body)
            for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                status, answer = await site.ask("GET", path, f"If-None-Match: {header}")
                again, nothing = fields_of(answer)
                assert (status, again["etag"], nothing) == (304, tag, b""), (path, header)
                assert again["cache-control"] == "private, no-cache"
            assert (await site.ask("HEAD", path, f"If-None-Match: {tag}"))[0] == 304
            for header in ('"other"', tag.strip('"'), f"x{tag}"[:-1], ""):
                assert (await site.ask("GET", path, f"If-None-Match: {header}"))[0] == 200, (path, header)
        assert len(set(tags)) == len(PATHS)
        model.item("a", Item(item_id="a", title="Another", price=1.0))
        for path, tag in zip(PATHS, tags, strict=True):
            changed = "users?" not in path  # ids only
            assert (await site.ask("GET", path, f"If-None-Match: {tag}"))[0] == (200 if changed else 304), path

    served(Gateway(), send)


def test_caches_keep_languages_and_origins_apart() -> None:
    async def send(site: Served) -> None:
        site.app[READ_MODEL].slate("ada", slate(items="abc"), T)
        origin = "Origin: https://shop.example"
        headers, _ = fields_of((await site.ask("GET", PATHS[0], origin))[1])
        assert (headers["vary"], headers["content-language"]) == ("Accept-Language, Origin", "en")
        headers, _ = fields_of((await site.ask("GET", "/v1/items", origin))[1])
        assert headers["vary"] == "Origin"
        exposed = {name.strip() for name in headers["access-control-expose-headers"].split(",")}
        assert {"ETag", "RateLimit", "RateLimit-Policy", "Retry-After"} <= exposed

    served(Gateway(cors_origins="https://shop.example"), send)


def test_other_answers_are_not_kept() -> None:
    async def send(site: Served) -> None:
        for path, status in (("/v1/users/nobody", 404), ("/v1/nothing", 404), ("/v1/items?k=0", 422), ("/readyz", 503)):
            found, answer = await site.ask("GET", path)
            headers, body = fields_of(answer)
            assert (found, headers["cache-control"]) == (status, "no-store"), path
            assert headers["content-type"] == "application/problem+json"
            assert json.loads(body)["status"] == status

    served(Gateway(), send)
