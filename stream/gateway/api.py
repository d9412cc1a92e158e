"""The handlers of all requests: check what came, write to Kafka or read from `ReadModel`, answer."""

import asyncio
import time
from typing import Any

import orjson
from aiohttp import web

from stream.gateway import fleet
from stream.gateway.answers.replays import key_of
from stream.gateway.answers.versions import versioned
from stream.gateway.documents import explanation_document, item_document, slate_document, trending_document
from stream.gateway.feed import FullError, follow
from stream.gateway.fields.chosen import chosen
from stream.gateway.fields.unknown import WARNED, warned
from stream.gateway.guard.authorise import caller_of, required_user
from stream.gateway.guard.tokens import MAX_S
from stream.gateway.handlers import asked, lists
from stream.gateway.handlers.parts import (
    CLIENT,
    FEED,
    KEYS,
    READ_MODEL,
    REPLAYS,
    SETTINGS,
    STOPPING,
    TOKENS,
    WRITER,
    answer,
    body,
    view_of,
    worded,
    words_of,
)
from stream.gateway.parameters import (
    checked_id,
    checked_placement,
    count_of,
    events_of,
    excluded,
    id_of,
    searched,
    text_of,
    token_request,
)
from stream.gateway.problems import Problem
from stream.records.limits import MAX_PROFILE_BYTES
from stream.records.schemas import HOME, Event

MAX_ITEMS = 40  # of an answer, as of a slate
MAX_FOUND = 50  # items of a search
TOPICS = frozenset({"event", "slate", "outcome", "stats"})
OWN_TOPICS = TOPICS - {"stats"}  # for the holder of a token


async def write_events(request: web.Request) -> web.Response:
    """Write one event or a list of them to Kafka; answers when Kafka has acknowledged them.

    200: all are written. 207: those in `errors` are not, the others are. 422: none is. Repeated with the same header
    `Idempotency-Key` and body within a day, it is answered as before, and nothing is written.
    """
    given, caller = await body(request), caller_of(request)
    return await request.app[REPLAYS].once(caller.name, key_of(request), given, lambda: _write(request, given))


async def _write(request: web.Request, given: bytes) -> web.Response:
    documents = events_of(given, request.app[SETTINGS].gateway.max_events)
    refused = await request.app[WRITER].events(documents, caller_of(request).user)
    written = len(documents) - len(refused)
    unwritten = [each for each in refused if each.reason == "not_written"]
    status = 200 if not refused else 207 if written else 503 if unwritten else 422
    warnings = warned(Event, *map(bytes, documents[:WARNED]))
    errors = [{"index": each.position, "reason": each.reason, "detail": each.detail} for each in refused]
    headers = {"Retry-After": "5"} if unwritten else {}
    if not written:
        problem = Problem(status, "no event was written", headers=headers, accepted=0, errors=errors, **warnings)
        return problem.response()
    return answer({"accepted": written, "errors": errors, **warnings}, status, headers)


async def recommendations(request: web.Request) -> web.Response:
    """The newest slate of a user; trending items, marked by `fallback`, if there is none.

    `after`: the id of an event of the user: answered as soon as the slate knows it, or after `gateway.after_s`; `after`
    of the answer says which. A slate older than `gateway.stale_s` is made anew, if that is set; if that takes too long,
    it is the answer all the same, its `status` is `last`. Of a placement that does not push one is always made anew.
    """
    user_id, read_model = id_of(request, "user_id"), request.app[READ_MODEL]
    k, exclude, view = count_of(request, MAX_ITEMS), excluded(request, read_model.knows), view_of(request)
    after = await _awaited(request, user_id)
    placement = checked_placement(text_of(request, "placement", HOME), request.app[SETTINGS].placements)
    newest = await asked.newest(request, user_id, placement)
    if newest.slate is not None:
        found = slate_document(newest.slate, read_model, view, k if request.query.get("k") else None, exclude)
    else:
        read_model.expire(time.time())
        found = trending_document(user_id, read_model.trending(k, exclude), read_model, view, k, placement)
    return await worded(request, found | {"after": after} | newest.flags(), view.words)


async def _awaited(request: web.Request, user_id: str) -> dict[str, Any] | None:
    """Wait for a slate that knows the event of the parameter `after`."""
    event_id = text_of(request, "after")
    if not event_id:
        return None
    checked_id(event_id, "after")
    answered, within_s = request.app[READ_MODEL].answered, request.app[SETTINGS].gateway.after_s
    return {"event_id": event_id, "known": await answered.wait(user_id, event_id, within_s)}


async def explanation(request: web.Request) -> web.Response:
    """Why a user sees their slate: the explanation of the worker that serves them."""
    user_id, settings = id_of(request, "user_id"), request.app[SETTINGS]
    placement = checked_placement(text_of(request, "placement", HOME), settings.placements)
    workers = await fleet.addresses(settings.gateway.workers)
    if not workers:
        raise Problem(501, "no worker is known: set gateway.workers to the workers' HTTP addresses")
    client = request.app[CLIENT]
    answers = await asyncio.gather(*(fleet.explanation(client, worker, user_id, placement) for worker in workers))
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
    words = words_of(request)
    return await worded(request, explanation_document(found, request.app[READ_MODEL], words), words)


async def search(request: web.Request) -> web.Response:
    """Items that may be shown whose title contains `query`; trending items without it; all with `cursor` or `limit`.

    Removed, unavailable and expired items are not found; GET /v1/items/{item_id} reads them. The list of all, in the
    order of ids, has unavailable and expired ones too: `next` of a page is the `cursor` of the one that follows.
    """
    if request.query.keys() & {"cursor", "limit"}:
        return await lists.list_items(request)
    read_model, k, text = request.app[READ_MODEL], count_of(request, MAX_FOUND), searched(request)
    fields = chosen(text_of(request, "fields"))
    read_model.expire(time.time())
    found = list[str]()
    if not text:
        found = [item for item, _ in read_model.trending(k)]
    for item_id in read_model.titles.search(text):
        if item_id is None:
            await asyncio.sleep(0)  # others are served in between
        elif not read_model.withheld.has(item_id):
            found.append(item_id)
        if len(found) >= k:
            break
    items = [item_document(item, read_model, fields) for item in found]
    return await versioned(request, orjson.dumps({"items": items}))


async def stream(request: web.Request) -> web.StreamResponse:
    """Server-sent events: new slates and, if asked for, events, outcomes and figures, as they happen.

    `topics`: of event, slate, outcome, stats; default slate. `user`: only this user's. `fields` and `lang` as for
    recommendations.
    """
    caller, user, view = caller_of(request), text_of(request, "user") or None, view_of(request)
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
        with request.app[FEED].listening(topics, user, caller.name, view) as queue:
            response = web.StreamResponse(headers=headers)
            await response.prepare(request)
            await follow(response, queue, request.app[STOPPING], lambda: _may_go_on(request))
            return response
    except FullError as full:
        if full.mine:
            most = request.app[SETTINGS].gateway.streams_per_caller
            raise Problem(429, f"at most {most} streams at once: close one", headers={"Retry-After": "30"}) from None
        what = (
            "as many different `fields` and languages as there may be are streamed"
            if full.views
            else "all streams are taken"
        )
        raise Problem(503, f"{what}; try again later", headers={"Retry-After": "30"}) from None


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
    wanted = token_request(await body(request, MAX_PROFILE_BYTES), request.app[SETTINGS].gateway.token_s, MAX_S)
    signed = tokens.sign(wanted.user_id, wanted.seconds, time.time())
    return answer(signed._asdict() | {"user_id": wanted.user_id}, 201)
