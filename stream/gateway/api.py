"""The handlers of all requests: check what came, write to Kafka or read from `ReadModel`, answer.

Server-sent events are written here: each message is encoded once for all listeners, those that wait go out in one
write, and a stream ends with the server. aiohttp-sse (3.0) encodes and writes one message of one listener at a time.
"""

import asyncio
import time
from typing import Any, NamedTuple

import aiohttp
import msgspec
import orjson
from aiohttp import web

from stream.config import Config
from stream.gateway import fleet
from stream.gateway.documents import slate_document, trending_document
from stream.gateway.feed import Feed, FullError
from stream.gateway.problems import Problem
from stream.gateway.read_model import ReadModel
from stream.gateway.reader import Reader
from stream.gateway.writer import Writer
from stream.records.codec import Rejection, decode_item, decode_profile
from stream.records.schemas import MAX_ID_BYTES
from stream.records.topics import ITEMS, USERS

MAX_ITEMS = 40  # of an answer, as of a slate
MAX_FOUND = 50  # items of a search
TOPICS = frozenset({"event", "slate", "outcome", "stats"})
KEEP_ALIVE_S = 15.0
READ_MODEL = web.AppKey("read_model", ReadModel)
READER = web.AppKey("reader", Reader)
WRITER = web.AppKey("writer", Writer)
FEED = web.AppKey("feed", Feed)
SETTINGS = web.AppKey("settings", Config)
CLIENT = web.AppKey("client", aiohttp.ClientSession)
STOPPING = web.AppKey("stopping", asyncio.Event)


class Endpoint(NamedTuple):
    """A method and a path, the scope that a key needs, and the handler."""

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
    errors = [{"index": each.position, "reason": each.reason, "detail": each.detail} for each in refused]
    if not written:
        headers = {"Retry-After": "5"} if unwritten else {}
        raise Problem(status, "no event was written", headers=headers, accepted=0, errors=errors)
    return _json({"accepted": written, "errors": errors}, status)


async def recommendations(request: web.Request) -> web.Response:
    """The newest slate of a user; trending items, marked by `fallback`, if there is none."""
    user_id, read_model = _id(request, "user_id"), request.app[READ_MODEL]
    k, exclude = _count(request, MAX_ITEMS), _excluded(request)
    slate = read_model.newest(user_id)
    if slate is not None:
        return _json(slate_document(slate, read_model, k, exclude))
    return _json(trending_document(user_id, read_model.trending(k, exclude), read_model, time.time()))


async def similar(request: web.Request) -> web.Response:
    """Items that the same users interacted with."""
    item_id, read_model = _id(request, "item_id"), request.app[READ_MODEL]
    if not read_model.knows(item_id):
        raise Problem(404, f"item {item_id!r}: must be in the catalogue or in an event; it is in neither")
    found = read_model.similar(item_id, _count(request, MAX_ITEMS), _excluded(request))
    items = [{"item_id": item, "title": read_model.title(item), "score": score} for item, score in found]
    return _json({"item_id": item_id, "title": read_model.title(item_id), "items": items})


async def explanation(request: web.Request) -> web.Response:
    """Why a user sees their slate: the explanation of the worker that serves them."""
    user_id = _id(request, "user_id")
    workers = await fleet.addresses(request.app[SETTINGS].gateway.workers)
    if not workers:
        raise Problem(501, "no worker is known: set gateway.workers to the workers' HTTP addresses")
    answers = await asyncio.gather(*(fleet.explanation(request.app[CLIENT], worker, user_id) for worker in workers))
    found = next((answer for answer in answers if isinstance(answer, dict)), None)
    if found is None:
        silent = [worker for worker, answer in zip(workers, answers, strict=True) if answer is None]
        if silent:
            raise Problem(503, f"no answer from {', '.join(silent)}", headers={"Retry-After": "5"})
        if 503 in answers:
            raise Problem(503, "the user's worker has too many to explain already", headers={"Retry-After": "1"})
        if 401 in answers:
            raise Problem(502, "a worker asks for a token: set the same worker.token for workers and gateway")
        raise Problem(404, f"user {user_id!r}: no worker has an open slate of this user")
    read_model = request.app[READ_MODEL]
    for slot in found["slots"]:
        slot["title"] = read_model.title(slot["item_id"])
        for pull in slot["pulled_by"]:
            pull["title"] = read_model.title(pull["item_id"])
    return _json(found)


async def forget(request: web.Request) -> web.Response:
    """Forget a user: writes a tombstone to catalog.users, on which workers delete everything about them."""
    user_id = _id(request, "user_id")
    await request.app[WRITER].one(USERS, user_id, None)
    return _json({"user_id": user_id, "forgotten": "asked: workers do it with the user's next turn in the log"}, 202)


async def put_user(request: web.Request) -> web.Response:
    """Set a user's attributes: writes a record to catalog.users."""
    user_id, body = _id(request, "user_id"), _with_id(await _body(request), "user_id", request)
    _raise_rejection(decode_profile(user_id.encode(), body))
    await request.app[WRITER].one(USERS, user_id, body)
    return _json({"user_id": user_id}, 202)


async def put_item(request: web.Request) -> web.Response:
    """Describe an item: writes a record to catalog.items."""
    item_id, body = _id(request, "item_id"), _with_id(await _body(request), "item_id", request)
    _raise_rejection(decode_item(item_id.encode(), body))
    await request.app[WRITER].one(ITEMS, item_id, body)
    return _json({"item_id": item_id}, 202)


async def drop_item(request: web.Request) -> web.Response:
    """Remove an item from the catalogue: writes a tombstone to catalog.items."""
    item_id = _id(request, "item_id")
    await request.app[WRITER].one(ITEMS, item_id, None)
    return _json({"item_id": item_id}, 202)


async def search(request: web.Request) -> web.Response:
    """Items of the catalogue whose title contains `query`; trending items without it."""
    read_model, k = request.app[READ_MODEL], _count(request, MAX_FOUND)
    text = request.query.get("query", "").casefold()
    if not text:
        found = [item for item, _ in read_model.trending(k)]
    else:
        matches = (item_id for item_id, item in read_model.items.items() if text in (item.title or item_id).casefold())
        found = [item_id for item_id, _ in zip(matches, range(k), strict=False)]
    return _json({"items": [{"item_id": item, "title": read_model.title(item)} for item in found]})


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events: new slates and, if asked for, events, outcomes and figures, as they happen.

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
        raise Problem(503, "all streams are taken; try again later", headers={"Retry-After": "30"}) from None


async def _next(queue: "asyncio.Queue[bytes]", ended: "asyncio.Future[Any]") -> bytes:
    """The messages that wait, or a comment after `KEEP_ALIVE_S` without any, which keeps proxies from closing."""
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


def _count(request: web.Request, limit: int) -> int:
    text = request.query.get("k", "")
    if not text:
        return min(20, limit)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= limit:
        raise Problem(422, f"k: must be a whole number from 1 to {limit}; got {text[:40]!r}")
    return int(text)


def _excluded(request: web.Request) -> frozenset[str]:
    return frozenset(filter(None, ",".join(request.query.getall("exclude", [])).split(",")))


async def _body(request: web.Request) -> bytes:
    """The body; it must be declared as JSON, which browsers send to other origins only after a preflight."""
    if request.content_type != "application/json":
        raise Problem(415, f"Content-Type: must be application/json; got {request.content_type}")
    return await request.read()


def _with_id(body: bytes, field: str, request: web.Request) -> bytes:
    """The document with the id of the path; it may leave the id out but not name another."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"the body must be a JSON object: {error}") from error
    if not isinstance(found, dict):
        raise Problem(422, f"the body must be a JSON object; got {type(found).__name__}")
    if found.setdefault(field, request.match_info[field]) != request.match_info[field]:
        raise Problem(422, f"{field}: must be that of the path, {request.match_info[field]!r}; got {found[field]!r}")
    return orjson.dumps(found)


def _raise_rejection(decoded: Any) -> None:
    if isinstance(decoded, Rejection):
        raise Problem(422, decoded.detail, reason=decoded.reason)
