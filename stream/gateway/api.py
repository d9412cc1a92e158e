"""The handlers of all requests: check what came, write to Kafka or read from `ReadModel`, answer."""

import asyncio
import time
from typing import Any, NamedTuple

import aiohttp
import orjson
from aiohttp import web

from stream.config import Config
from stream.gateway import fleet
from stream.gateway.documents import counts, explanation_document, slate_document, trending_document, user_document
from stream.gateway.feed import Feed, FullError, follow
from stream.gateway.fields.patches import Patches, etag, matches, merged, whole_of
from stream.gateway.fields.unknown import WARNED, warned
from stream.gateway.guard.authorise import Access, caller_of, required_user
from stream.gateway.guard.keys import Keys
from stream.gateway.guard.tokens import MAX_S, Tokens
from stream.gateway.parameters import (
    body_of,
    checked_id,
    count_of,
    events_of,
    excluded,
    id_of,
    raise_rejection,
    searched,
    text_of,
    token_request,
    with_id,
)
from stream.gateway.problems import Problem
from stream.gateway.read_model import ReadModel
from stream.gateway.reader import Reader
from stream.gateway.writer import Writer
from stream.records.codec import decode_item, decode_profile
from stream.records.limits import MAX_ITEM_BYTES, MAX_PROFILE_BYTES
from stream.records.schemas import Event, Item, Profile
from stream.records.topics import ITEMS, USERS

MAX_ITEMS = 40  # of an answer, as of a slate
MAX_FOUND = 50  # items of a search
TOPICS = frozenset({"event", "slate", "outcome", "stats"})
OWN_TOPICS = TOPICS - {"stats"}  # for the holder of a token
READ_MODEL = web.AppKey("read_model", ReadModel)
READER = web.AppKey("reader", Reader)
WRITER = web.AppKey("writer", Writer)
FEED = web.AppKey("feed", Feed)
SETTINGS = web.AppKey("settings", Config)
CLIENT = web.AppKey("client", aiohttp.ClientSession)
PATCHES = web.AppKey("patches", Patches)
KEYS = web.AppKey("keys", Keys)
TOKENS = web.AppKey("tokens", Tokens)
STOPPING = web.AppKey("stopping", asyncio.Event)


class Endpoint(NamedTuple):
    """A method and a path, the scope that a key needs, the handler, and whether a token of the user will do."""

    method: str
    path: str
    scope: str
    handler: Any
    own: bool = False

    @property
    def access(self) -> Access:
        """What is needed."""
        return Access(self.scope, self.own)


async def write_events(request: web.Request) -> web.Response:
    """Write one event or a list of them to Kafka; answers when Kafka has acknowledged them.

    200: all are written. 207: those in `errors` are not, the others are. 422: none is.
    """
    documents = events_of(await _body(request), request.app[SETTINGS].gateway.max_events)
    refused = await request.app[WRITER].events(documents, caller_of(request).user)
    written = len(documents) - len(refused)
    unwritten = [each for each in refused if each.reason == "not_written"]
    status = 200 if not refused else 207 if written else 503 if unwritten else 422
    warnings = warned(Event, *map(bytes, documents[:WARNED]))
    errors = [{"index": each.position, "reason": each.reason, "detail": each.detail} for each in refused]
    if not written:
        headers = {"Retry-After": "5"} if unwritten else {}
        raise Problem(status, "no event was written", headers=headers, accepted=0, errors=errors, **warnings)
    return _json({"accepted": written, "errors": errors, **warnings}, status)


async def recommendations(request: web.Request) -> web.Response:
    """The newest slate of a user; trending items, marked by `fallback`, if there is none."""
    user_id, read_model = id_of(request, "user_id"), request.app[READ_MODEL]
    k, exclude, now = count_of(request, MAX_ITEMS), excluded(request, read_model.knows), time.time()
    if (slate := read_model.newest(user_id)) is not None:
        return _json(slate_document(slate, read_model, k if request.query.get("k") else None, exclude))
    read_model.expire(now)
    return _json(trending_document(user_id, read_model.trending(k, exclude), read_model, now, k))


async def similar(request: web.Request) -> web.Response:
    """Items that the same users interacted with."""
    item_id, read_model = id_of(request, "item_id"), request.app[READ_MODEL]
    if not read_model.knows(item_id):
        raise Problem(404, f"item {item_id!r}: must be in the catalogue or in an event; it is in neither")
    k = count_of(request, MAX_ITEMS)
    read_model.expire(time.time())
    found = read_model.similar(item_id, k, excluded(request, read_model.knows))
    items = [{"item_id": item, "title": read_model.title(item), "score": score} for item, score in found]
    return _json({"item_id": item_id, "title": read_model.title(item_id), "items": items, **counts(k, len(items))})


async def explanation(request: web.Request) -> web.Response:
    """Why a user sees their slate: the explanation of the worker that serves them."""
    user_id = id_of(request, "user_id")
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
    return _json(explanation_document(found, request.app[READ_MODEL]))


async def forget(request: web.Request) -> web.Response:
    """Forget a user: writes a tombstone to catalog.users, on which workers delete everything about them."""
    user_id = id_of(request, "user_id", deleting=True)
    await request.app[WRITER].one(USERS, user_id, None)
    return _json({"user_id": user_id, "forgotten": "asked: workers do it with the user's next turn in the log"}, 202)


async def put_user(request: web.Request) -> web.Response:
    """Set all of a user's attributes: writes a record to catalog.users. Fields left out are empty from then on."""
    user_id, body = id_of(request, "user_id"), with_id(await _body(request, MAX_PROFILE_BYTES), "user_id", request)
    raise_rejection(decode_profile(user_id.encode(), body))
    await request.app[WRITER].one(USERS, user_id, body)
    return _json({"user_id": user_id, **warned(Profile, body)}, 202)


async def put_item(request: web.Request) -> web.Response:
    """Describe an item, whole: writes a record to catalog.items. Fields left out are empty from then on; see PATCH."""
    item_id, body = id_of(request, "item_id"), with_id(await _body(request, MAX_ITEM_BYTES), "item_id", request)
    raise_rejection(item := decode_item(item_id.encode(), body))
    await _write_item(request, item_id, body, item)
    return _json({"item_id": item_id, **warned(Item, body)}, 202)


async def patch_item(request: web.Request) -> web.Response:
    """Change fields of an item: null clears one, `attributes` are merged, all others stay (JSON merge patch).

    Merged with the item as this gateway has it; writes of one item take turns here. `If-Match` with the `ETag` of GET
    refuses (412) if the item is another by now. Of two gateways at the same moment, the later record holds.
    """
    item_id = id_of(request, "item_id")
    body = with_id(await _body(request, MAX_ITEM_BYTES), "item_id", request)
    async with request.app[PATCHES].turn(item_id):
        before = request.app[PATCHES].newest(item_id, request.app[READ_MODEL].items.get(item_id))
        if before is None:
            raise Problem(404, f"item {item_id!r}: must be in the catalogue to be changed; describe it with PUT")
        matches(request, before)
        whole = merged(before, body)
        raise_rejection(item := decode_item(item_id.encode(), whole))
        await _write_item(request, item_id, whole, item)
    return _json({"item_id": item_id, **warned(Item, body)}, 202)


async def get_item(request: web.Request) -> web.Response:
    """Read an item of the catalogue, as the gateway has it; the header `ETag` names this version."""
    if (item := request.app[READ_MODEL].items.get(item_id := id_of(request, "item_id"))) is None:
        raise Problem(404, f"item {item_id!r}: must be in the catalogue; it is not")
    return web.Response(body=orjson.dumps(whole_of(item)), content_type="application/json", headers=etag(item))


async def get_user(request: web.Request) -> web.Response:
    """Read what the gateway has of a user: attributes, last items, and the decision of the newest slate."""
    user_id = id_of(request, "user_id")
    if (found := user_document(user_id, request.app[READ_MODEL])) is None:
        raise Problem(404, f"user {user_id!r}: no attributes, no recent event and no slate are known here")
    return _json(found)


async def drop_item(request: web.Request) -> web.Response:
    """Remove an item from the catalogue: writes a tombstone to catalog.items."""
    item_id = id_of(request, "item_id", deleting=True)
    await _write_item(request, item_id, None, None)
    return _json({"item_id": item_id}, 202)


async def search(request: web.Request) -> web.Response:
    """Items of the catalogue whose title contains `query`; trending items without it."""
    read_model, k, text = request.app[READ_MODEL], count_of(request, MAX_FOUND), searched(request)
    found = list[str]()
    if not text:
        found = [item for item, _ in read_model.trending(k)]
    for item_id in read_model.titles.search(text):
        if item_id is None:
            await asyncio.sleep(0)  # others are served in between
        else:
            found.append(item_id)
        if len(found) >= k:
            break
    return _json({"items": [{"item_id": item, "title": read_model.title(item)} for item in found]})


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events: new slates and, if asked for, events, outcomes and figures, as they happen.

    `topics`: of event, slate, outcome, stats; default slate. `user`: only this user's.
    """
    caller, user = caller_of(request), text_of(request, "user") or None
    topics = frozenset(filter(None, text_of(request, "topics", "slate").split(",")))
    if not topics or not topics <= TOPICS:
        raise Problem(422, f"topics: must be of {', '.join(sorted(TOPICS))}; got {', '.join(sorted(topics))}")
    if user is not None:
        checked_id(user, "user")
        required_user(caller, user)
    elif caller.user is not None:
        user = caller.user
    if caller.user is not None and not topics <= OWN_TOPICS:
        raise Problem(403, f"topics: a token of a user reads {', '.join(sorted(OWN_TOPICS))} only")
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    if request.method == "HEAD":
        return web.Response(headers=headers)
    try:
        with request.app[FEED].listening(topics, user, caller.name) as queue:
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            await follow(response, queue, request.app[STOPPING], lambda: _may_go_on(request))
            return response
    except FullError as full:
        if full.mine:
            most = request.app[SETTINGS].gateway.streams_per_caller
            raise Problem(429, f"at most {most} streams at once: close one", headers={"Retry-After": "30"}) from None
        raise Problem(503, "all streams are taken; try again later", headers={"Retry-After": "30"}) from None


def _may_go_on(request: web.Request) -> bool:
    """Whether the server still runs, and the caller's key or token still holds."""
    caller = caller_of(request)
    lasts = caller.expires is None or time.time() < caller.expires
    return lasts and request.app[KEYS].holds(caller) and not request.app[STOPPING].is_set()


async def issue_token(request: web.Request) -> web.Response:
    """Sign a token for one user: it reads their slates and writes their events, and a browser may hold it.

    `seconds`: until it expires, at most 7 days; without it `gateway.token_s`. The key needs the scope admin, or those
    of what the token can do: events and slates.
    """
    tokens = request.app[TOKENS]
    if not tokens:
        raise Problem(501, "there are no tokens: set HEADWATER_GATEWAY_TOKEN_SECRET")
    asked = token_request(await _body(request, MAX_PROFILE_BYTES), request.app[SETTINGS].gateway.token_s, MAX_S)
    token, expires = tokens.sign(asked.user_id, asked.seconds, time.time())
    return _json({"token": token, "user_id": asked.user_id, "expires": expires}, 201)


ENDPOINTS = (
    Endpoint("POST", "/v1/events", "events", write_events, own=True),
    Endpoint("GET", "/v1/users/{user_id}/recommendations", "slates", recommendations, own=True),
    Endpoint("GET", "/v1/users/{user_id}/explanation", "slates", explanation, own=True),
    Endpoint("GET", "/v1/users/{user_id}", "slates", get_user, own=True),
    Endpoint("PUT", "/v1/users/{user_id}", "catalogue", put_user),
    Endpoint("DELETE", "/v1/users/{user_id}", "admin", forget),
    Endpoint("GET", "/v1/items", "slates", search),
    Endpoint("GET", "/v1/items/{item_id}/similar", "slates", similar),
    Endpoint("GET", "/v1/items/{item_id}", "slates", get_item),
    Endpoint("PUT", "/v1/items/{item_id}", "catalogue", put_item),
    Endpoint("PATCH", "/v1/items/{item_id}", "catalogue", patch_item),
    Endpoint("DELETE", "/v1/items/{item_id}", "admin", drop_item),
    Endpoint("GET", "/v1/stream", "slates", stream, own=True),
    Endpoint("POST", "/v1/tokens", "admin|events+slates", issue_token),
)


async def _write_item(request: web.Request, item_id: str, record: bytes | None, item: Any) -> None:
    """Write a record of the catalogue; changes that follow at once are merged with it."""
    await request.app[WRITER].one(ITEMS, item_id, record)
    request.app[PATCHES].wrote(item_id, request.app[READ_MODEL].items.get(item_id), item)


def _json(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json")


async def _body(request: web.Request, max_bytes: int | None = None) -> bytes:
    gateway = request.app[SETTINGS].gateway
    return await body_of(request, gateway.request_s, min(gateway.max_body_bytes, max_bytes or gateway.max_body_bytes))
