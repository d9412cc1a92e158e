"""Slates that are made when they are asked for, over POST, and by GET where the published one is old."""

import asyncio
import time
from typing import Any, NamedTuple

from aiohttp import web

from stream.gateway.asking.bodies import request_of, requests_of
from stream.gateway.asking.requester import Made
from stream.gateway.documents import slate_document, trending_document
from stream.gateway.fields.chosen import View, chosen
from stream.gateway.guard.authorise import CHARGE, caller_of, required_user
from stream.gateway.handlers.parts import LANGUAGES, READ_MODEL, REQUESTER, SETTINGS, answer, body
from stream.gateway.parameters import checked_placement
from stream.gateway.problems import Problem
from stream.gateway.read_model import ReadModel
from stream.placements import key_of, pushes
from stream.records.http.asked import SlateRequest
from stream.records.requests import MAX_REQUEST_BYTES
from stream.records.schemas import Recommendation

WEIGHT = 10.0  # reads that a request counts as, since a worker ranks for it
MAX_BYTES = 2 * MAX_REQUEST_BYTES


class Newest(NamedTuple):
    """The slate that a page gets."""

    slate: Recommendation | None
    stale: str | None = None  # why it is an old one, in words; None: it is not

    def flags(self) -> dict[str, str | None]:
        """What the answer says of it."""
        return {"status": None if self.stale is None else "last", "stale": self.stale}


async def recommend(request: web.Request) -> web.Response:
    """A slate made now, by the user's worker; one request, or up to 20 in `requests`, each answered by itself.

    `status` of a slate says what it is. `fresh`: made for this request, with all that is known of the user by now.
    `empty`: no item may be shown to them now. `last`: none was made in time, so it is the newest that there is, and
    `stale` says why; without any: 503. Each request counts as 10 of the rate limit.
    """
    documents, several = requests_of(await body(request, MAX_BYTES))
    if len(documents) > 1:
        request[CHARGE].take(WEIGHT * (len(documents) - 1))
    found = await asyncio.gather(*(_one(request, bytes(each)) for each in documents))
    languages = sorted({language for language, _ in found if language})
    headers = {"Content-Language": ", ".join(languages), "Vary": "Accept-Language"} if languages else {}
    if not several:
        ((_, only),) = found
        if isinstance(only, Problem):
            raise only
        return answer(only, 200, headers)
    answers = [
        {"slate": None, "problem": each.document()} if isinstance(each, Problem) else {"slate": each, "problem": None}
        for _, each in found
    ]
    return answer({"answers": answers}, 207 if any(each["problem"] for each in answers) else 200, headers)


async def newest(request: web.Request, user_id: str, placement: str) -> Newest:
    """The newest slate of a user; if it is older than `gateway.stale_s`, a new one, if that is made in time.

    Of a placement whose slates are made on request, one that is not there is made, too, and 0 does not mean never.
    """
    settings, read_model = request.app[SETTINGS], request.app[READ_MODEL]
    slate, stale_s = read_model.newest(user_id, placement), settings.gateway.stale_s
    now = read_model.withheld.event_time(time.time())
    if pushes(settings.placements, key_of(placement)) and (slate is None or not stale_s):
        return Newest(slate)
    if slate is not None and stale_s and now - slate.timestamp <= stale_s:
        return Newest(slate)
    made = await request.app[REQUESTER].refreshed(user_id, settings.gateway.request_ms, placement)
    found = _newer(made.slate, read_model.newest(user_id, placement))
    old = found is not None and slate is not None and found.decision_id == slate.decision_id
    return Newest(found, made.reason if old else None)


async def _one(request: web.Request, document: bytes) -> tuple[str, dict[str, Any] | Problem]:
    """The answer to one request, and its language."""
    try:
        asked = request_of(document)
        required_user(caller_of(request), asked.user_id)
        languages, accepted = request.app[LANGUAGES], request.headers.get("Accept-Language", "")
        words = languages.named(asked.lang) if asked.lang else languages.accepted(accepted)
        view = View(chosen(",".join(asked.fields)), words)
        checked_placement(asked.placement, request.app[SETTINGS].placements)
        within_ms = asked.deadline_ms or request.app[SETTINGS].gateway.request_ms
        made = await request.app[REQUESTER].ask(asked.user_id, within_ms, asked)
        return words.language, _document(request, asked, view, made)
    except Problem as problem:
        return "", problem


def _document(request: web.Request, asked: SlateRequest, view: View, made: Made) -> dict[str, Any]:
    read_model, exclude = request.app[READ_MODEL], frozenset(asked.exclude)
    if made.status == "full":
        raise Problem(429, f"{made.reason}: wait 1 s", reason="full", headers={"Retry-After": "1"})
    flags: dict[str, Any] = {"after": None, "status": made.status, "stale": None}
    if asked.alone:
        return _narrow_document(read_model, asked, view, made) | flags
    if made.status == "empty":
        read_model.expire(time.time())
        found = read_model.trending(asked.k or 0, exclude)
        return trending_document(asked.user_id, found, read_model, view, asked.k, asked.placement) | flags
    slate = _newer(made.slate, read_model.newest(asked.user_id, asked.placement))
    if slate is None:
        why = f"user {asked.user_id!r}: no slate was made, and there is no older one: {made.reason}; try again"
        raise Problem(503, why, reason=made.status, headers={"Retry-After": "1"})
    if made.slate is None:
        flags |= {"status": "last", "stale": made.reason}
    return slate_document(slate, read_model, view, asked.k, exclude) | flags


def _narrow_document(read_model: ReadModel, asked: SlateRequest, view: View, made: Made) -> dict[str, Any]:
    """The answer where not any item will do: neither another slate nor trending items can stand in."""
    k = asked.k or len(asked.given()) or None
    if made.slate is not None:
        return slate_document(made.slate, read_model, view, k, fill=False)
    if made.status == "empty":
        found = trending_document(asked.user_id, [], read_model, view, k)
        return found | {"fallback": None, "short": made.reason}
    if made.status == "refused":
        raise Problem(409, made.reason, reason=made.status)
    own = ": show the candidates in your own order, or try again" if asked.candidates else "; try again"
    why = f"user {asked.user_id!r}: no slate was made: {made.reason}{own}"
    raise Problem(503, why, reason=made.status, headers={"Retry-After": "1"})


def _newer(made: Recommendation | None, known: Recommendation | None) -> Recommendation | None:
    """Of a slate that was made for a request and the newest that is known, the later: an event may have come since."""
    if made is None or known is None:
        return made or known
    return max(made, known, key=_order)


def _order(slate: Recommendation) -> tuple[int, ...]:
    """Decisions of a user by when they were made: their ids count up within an owner's epoch."""
    return slate.epoch, *(int(part) for part in slate.decision_id.split(".") if part.isdecimal())
