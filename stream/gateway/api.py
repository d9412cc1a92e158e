"""The requests: what comes in is checked, what goes out is read from `ReadModel`."""

import asyncio
import time
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import msgspec
import orjson
from aiohttp import web

from stream.config import Config
from stream.gateway.feed import Feed, FullError
from stream.gateway.fleet import addresses
from stream.gateway.problems import Problem
from stream.gateway.read_model import ReadModel
from stream.gateway.reader import Reader, told
from stream.gateway.writer import Writer
from stream.records.codec import Rejection, decode_item, decode_profile
from stream.records.schemas import MAX_ID_BYTES
from stream.records.topics import ITEMS, USERS

MAX = 40  # items of an answer, as of a slate
FOUND = 50  # items of a search
TOPICS = frozenset({"event", "slate", "outcome", "stats"})
KEEP_ALIVE_S = 15.0
WORKER_S = 2.0
HELD = web.AppKey("read_model", ReadModel)
READER = web.AppKey("reader", Reader)
WRITER = web.AppKey("writer", Writer)
FEED = web.AppKey("feed", Feed)
SETTINGS = web.AppKey("settings", Config)
CLIENT = web.AppKey("client", aiohttp.ClientSession)
STOPPING = web.AppKey("stopping", asyncio.Event)


class Endpoint(NamedTuple):
    """One request that can be made."""

    method: str
    path: str
    scope: str
    handler: Any


async def write_events(request: web.Request) -> web.Response:
    """Write one event or a list of them to Kafka; answers when Kafka has acknowledged them.

    200: all are written. 207: those in `errors` are not, the others are. 422: none is.
    """
    body = await _body(request)
    limit = request.app[SETTINGS].gateway.max_events
    try:
        documents = msgspec.json.decode(body, type=list[msgspec.Raw]) if body.lstrip()[:1] == b"[" else [
            msgspec.Raw(body)
        ]  # fmt: skip
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body must be an event or a list of events as JSON: {error}") from error
    if not 0 < len(documents) <= limit:
        raise Problem(413 if documents else 422, f"a list must hold 1 to {limit} events; got {len(documents)}")
    refused = await request.app[WRITER].events(documents)
    written = len(documents) - len(refused)
    unwritten = [each for each in refused if each.reason == "not_written"]
    status = 200 if not refused else 207 if written else 503 if unwritten else 422
    errors = [{"index": each.place, "reason": each.reason, "detail": each.detail} for each in refused]
    if not written:
        headers = {"Retry-After": "5"} if unwritten else {}
        raise Problem(status, "no event was written", headers=headers, accepted=0, errors=errors)
    return _json({"accepted": written, "errors": errors}, status)


async def recommendations(request: web.Request) -> web.Response:
    """The newest slate of a user; what is trending, marked by `fallback`, if there is none."""
    user_id, read_model = _id(request, "user_id"), request.app[HELD]
    k, exclude = _count(request, MAX), _excluded(request)
    slate = read_model.newest(user_id)
    if slate is not None:
        return _json(told(slate, read_model, k, exclude))
    items = [
        {"item_id": item, "title": read_model.title(item), "score": score, "source": "trending", "propensity": None,
         "reason": "it is on the rise" if score > 0 else "it is in the catalogue"}
        for item, score in read_model.trending(k, exclude)
    ]  # fmt: skip
    return _json({
        "user_id": user_id, "decision_id": None, "event_id": None, "timestamp": time.time(), "policy": None,
        "experiment": "", "variant": "", "fallback": "trending", "items": items,
    })  # fmt: skip


async def similar(request: web.Request) -> web.Response:
    """Items that the same users touched."""
    item_id, read_model = _id(request, "item_id"), request.app[HELD]
    if not read_model.knows(item_id):
        raise Problem(404, f"item {item_id!r}: neither the catalogue nor an event has named it")
    found = read_model.similar(item_id, _count(request, MAX), _excluded(request))
    items = [{"item_id": item, "title": read_model.title(item), "score": score} for item, score in found]
    return _json({"item_id": item_id, "title": read_model.title(item_id), "items": items})


async def explanation(request: web.Request) -> web.Response:
    """Why a user sees what he sees: asked of the worker that serves him."""
    user_id = _id(request, "user_id")
    workers = await addresses(request.app[SETTINGS].gateway.workers)
    if not workers:
        raise Problem(501, "no worker can be asked: set gateway.workers to the addresses of the workers' pages")
    answers = await asyncio.gather(*(_asked(request.app[CLIENT], worker, user_id) for worker in workers))
    found = next((answer for answer in answers if isinstance(answer, dict)), None)
    if found is None:
        silent = [worker for worker, answer in zip(workers, answers, strict=True) if answer is None]
        if silent:
            raise Problem(503, f"no answer from {', '.join(silent)}", headers={"Retry-After": "5"})
        raise Problem(404, f"user {user_id!r}: no worker has an open slate of this user")
    read_model = request.app[HELD]
    for slot in found["slots"]:
        slot["title"] = read_model.title(slot["item_id"])
        for pull in slot["pulled_by"]:
            pull["title"] = read_model.title(pull["item_id"])
    return _json(found)


async def _asked(client: aiohttp.ClientSession, worker: str, user_id: str) -> dict[str, Any] | int | None:
    """The explanation, a status if the worker has none, None if it does not answer."""
    try:
        async with client.get(f"{worker}/explanation/{quote(user_id, safe='')}") as response:
            return orjson.loads(await response.read()) if response.status == 200 else response.status
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
        return None


async def forget(request: web.Request) -> web.Response:
    """Ask for everything about a user to be forgotten: a tombstone in catalog.users."""
    user_id = _id(request, "user_id")
    await request.app[WRITER].one(USERS, user_id, None)
    return _json({"user_id": user_id, "forgotten": "asked: workers do it with the user's next turn in the log"}, 202)


async def put_user(request: web.Request) -> web.Response:
    """Set a user's attributes: a record of catalog.users."""
    user_id, body = _id(request, "user_id"), _named(await _body(request), "user_id", request)
    _accepted(decode_profile(user_id.encode(), body))
    await request.app[WRITER].one(USERS, user_id, body)
    return _json({"user_id": user_id}, 202)


async def put_item(request: web.Request) -> web.Response:
    """Describe an item: a record of catalog.items."""
    item_id, body = _id(request, "item_id"), _named(await _body(request), "item_id", request)
    _accepted(decode_item(item_id.encode(), body))
    await request.app[WRITER].one(ITEMS, item_id, body)
    return _json({"item_id": item_id}, 202)


async def drop_item(request: web.Request) -> web.Response:
    """Take an item off every list: a tombstone in catalog.items."""
    item_id = _id(request, "item_id")
    await request.app[WRITER].one(ITEMS, item_id, None)
    return _json({"item_id": item_id}, 202)


async def search(request: web.Request) -> web.Response:
    """Items of the catalogue whose title contains a text; some of those that are trending without one."""
    read_model, k = request.app[HELD], _count(request, FOUND)
    text = request.query.get("query", "").casefold()
    if not text:
        found = [item for item, _ in read_model.trending(k)]
    else:
        matches = (item_id for item_id, item in read_model.items.items() if text in (item.title or item_id).casefold())
        found = [item_id for item_id, _ in zip(matches, range(k), strict=False)]
    return _json({"items": [{"item_id": item, "title": read_model.title(item)} for item in found]})


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events: fresh slates, and on wish events, outcomes and figures, as they happen.

    `topics`: of event, slate, outcome, stats; default slate. `user`: only this user's.
    """
    topics = frozenset(filter(None, request.query.get("topics", "slate").split(",")))
    if not topics or not topics <= TOPICS:
        raise Problem(422, f"topics: must be of {', '.join(sorted(TOPICS))}; got {', '.join(sorted(topics))}")
    stopping = request.app[STOPPING]
    try:
        with request.app[FEED].listening(topics, request.query.get("user")) as queue:
            response = web.StreamResponse(
                headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            )
            await response.prepare(request)
            ended = asyncio.ensure_future(stopping.wait())
            try:
                while not ended.done():
                    await response.write(await _next(queue, ended))
            except ConnectionError:
                pass
            finally:
                ended.cancel()
            return response
    except FullError:
        raise Problem(503, "too many listen already", headers={"Retry-After": "30"}) from None


async def _next(queue: "asyncio.Queue[bytes]", ended: "asyncio.Future[Any]") -> bytes:
    """The next messages, or a sign of life after a while without any."""
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.wait({waiting, ended}, timeout=KEEP_ALIVE_S, return_when=asyncio.FIRST_COMPLETED)
    if not waiting.done():
        waiting.cancel()
        return b": alive\n\n"
    found = [waiting.result()]
    while not queue.empty():
        found.append(queue.get_nowait())
    return b"".join(found)


ENDPOINTS = (
    Endpoint("POST", "/v1/events", "write", write_events),
    Endpoint("GET", "/v1/users/{user_id}/recommendations", "read", recommendations),
    Endpoint("GET", "/v1/users/{user_id}/explanation", "read", explanation),
    Endpoint("PUT", "/v1/users/{user_id}", "write", put_user),
    Endpoint("DELETE", "/v1/users/{user_id}", "admin", forget),
    Endpoint("GET", "/v1/items", "read", search),
    Endpoint("GET", "/v1/items/{item_id}/similar", "read", similar),
    Endpoint("PUT", "/v1/items/{item_id}", "write", put_item),
    Endpoint("DELETE", "/v1/items/{item_id}", "admin", drop_item),
    Endpoint("GET", "/v1/stream", "read", stream),
)


def _json(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json")


def _id(request: web.Request, name: str) -> str:
    found = request.match_info[name]
    if len(found.encode()) > MAX_ID_BYTES:
        raise Problem(422, f"{name}: must have at most {MAX_ID_BYTES} bytes of UTF-8; got {len(found.encode())}")
    return found


def _count(request: web.Request, most: int) -> int:
    text = request.query.get("k", "")
    if not text:
        return min(20, most)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise Problem(422, f"k: must be a whole number from 1 to {most}; got {text[:40]!r}")
    return int(text)


def _excluded(request: web.Request) -> frozenset[str]:
    return frozenset(filter(None, ",".join(request.query.getall("exclude", [])).split(",")))


async def _body(request: web.Request) -> bytes:
    """The body, of JSON: a page of another site cannot send that without being asked first."""
    if request.content_type != "application/json":
        raise Problem(415, f"Content-Type: must be application/json; got {request.content_type}")
    return await request.read()


def _named(body: bytes, field: str, request: web.Request) -> bytes:
    """The document with the id of the path, which it need not repeat, but must not contradict."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"the body must be a JSON object: {error}") from error
    if not isinstance(found, dict):
        raise Problem(422, f"the body must be a JSON object; got {type(found).__name__}")
    if found.setdefault(field, request.match_info[field]) != request.match_info[field]:
        raise Problem(422, f"{field}: must be that of the path, {request.match_info[field]!r}; got {found[field]!r}")
    return orjson.dumps(found)


def _accepted(read: Any) -> None:
    if isinstance(read, Rejection):
        raise Problem(422, read.detail, reason=read.reason)
