"""Lists that the model answers: for an item, for all, and of users."""

import time
from typing import Any

from aiohttp import web

from stream.gateway.asking.questions import MOST_USERS, Asked, Told
from stream.gateway.documents import counts, item_document
from stream.gateway.fields.chosen import View
from stream.gateway.handlers.parts import QUESTIONS, READ_MODEL, SETTINGS, view_of, worded
from stream.gateway.parameters import count_of, excluded, id_of, text_of, whole_of
from stream.gateway.problems import Problem
from stream.gateway.read_model import ReadModel
from stream.gateway.reasons.why import Reason, listed
from stream.records.questions.records import MAX_CATEGORY, QuestionKind

MAX_ITEMS = 40  # of an answer, as of a slate
USERS_MS = 2_000  # for lists of users, unless the request says otherwise: all users are looked at
MAX_MS = 10_000
USERS_WEIGHT = 50.0  # reads that a list of users counts as


async def similar(request: web.Request) -> web.Response:
    """Items seen by the same users, or described alike: for the page of an item, a new one too."""
    return await _for_item(request, "similar")


async def also_bought(request: web.Request) -> web.Response:
    """Items bought by the same users, with it, before or after; none where no purchases are sent."""
    return await _for_item(request, "also_bought")


async def popular(request: web.Request) -> web.Response:
    """Items with the most events lately."""
    return await _for_all(request, "popular")


async def rising(request: web.Request) -> web.Response:
    """Items with more events than of late, and three at least."""
    return await _for_all(request, "rising")


async def latest(request: web.Request) -> web.Response:
    """Items by when they were first mentioned, by the catalogue or an event; the score is that time."""
    return await _for_all(request, "latest")


async def audience(request: web.Request) -> web.Response:
    """Users who may want an item that they do not have, of a new one by its description.

    All partitions are asked; `partial` says that some have not answered in time. Each counts as 50 of the rate limit.
    """
    item_id = _known_item(request)
    title = request.app[READ_MODEL].title(item_id)
    return await _of_users(request, Asked("audience", item_id), {"item_id": item_id, "title": title})


async def similar_users(request: web.Request) -> web.Response:
    """Users who have the same items as one user. All partitions are asked, as for an audience."""
    user_id = id_of(request, "user_id")
    return await _of_users(request, Asked("similar_users", user_id), {"user_id": user_id})


async def _for_item(request: web.Request, kind: QuestionKind) -> web.Response:
    item_id = _known_item(request)
    title = request.app[READ_MODEL].title(item_id)
    return await _of_items(request, Asked(kind, item_id), {"item_id": item_id, "title": title}, title)


async def _for_all(request: web.Request, kind: QuestionKind) -> web.Response:
    category = text_of(request, "category") or None
    if category is not None and len(category) > MAX_CATEGORY:
        raise Problem(422, f"category: must have at most {MAX_CATEGORY} characters; got {len(category)}")
    return await _of_items(request, Asked(kind, category=category), {"category": category})


async def _of_items(request: web.Request, asked: Asked, about: dict[str, Any], title: str = "") -> web.Response:
    read_model, view, k = request.app[READ_MODEL], view_of(request), count_of(request, MAX_ITEMS)
    left_out = excluded(request, read_model.knows) | {asked.of}
    told = _required(await request.app[QUESTIONS].ask(asked, request.app[SETTINGS].gateway.request_ms))
    read_model.expire(time.time())
    shown = [each for each in told.items if each.item_id not in left_out and not read_model.withheld.has(each.item_id)]
    items = [
        item_document(
            each.item_id, read_model, view.fields, score=each.score, source=each.because,
            reason=view.words.say(listed(each.because, title)),
        )
        for each in shown[:k]
    ]  # fmt: skip
    return await worded(request, about | {"items": items, **counts(k, len(items)), **_age(told)}, view.words)


async def _of_users(request: web.Request, asked: Asked, about: dict[str, Any]) -> web.Response:
    read_model, view = request.app[READ_MODEL], view_of(request)
    k = whole_of(request, "k", MOST_USERS, 20)
    within_ms = whole_of(request, "deadline_ms", MAX_MS, USERS_MS)
    told = _required(await request.app[QUESTIONS].ask(asked, within_ms))
    answered, partitions = told.partitions
    users = _users(told, read_model, view)[:k]
    found = {"users": users, "asked": k, "short": _short(k, len(users)), **_age(told)}
    partial = {"partial": answered < partitions, "answered": answered, "partitions": partitions}
    return await worded(request, about | found | partial, view.words)


def _users(told: Told, read_model: ReadModel, view: View) -> list[dict[str, Any]]:
    return [
        {
            "user_id": each.user_id, "score": each.score, "through": each.through,
            "title": (title := read_model.title(each.through)), "reason": view.words.say(Reason("has", title)),
        }
        for each in told.users
    ]  # fmt: skip


def _known_item(request: web.Request) -> str:
    item_id = id_of(request, "item_id")
    if not request.app[READ_MODEL].knows(item_id):
        raise Problem(404, f"item {item_id!r}: must be in the catalogue or in an event; it is in neither")
    return item_id


def _required(told: Told) -> Told:
    """An answer, even if it is empty, or an old one.

    Raises
    ------
    Problem
        429, 503
    """
    if told.status == "full":
        raise Problem(429, f"{told.reason}: wait 1 s", reason="full", headers={"Retry-After": "1"})
    if not told.came:
        why = f"the model has not answered: {told.reason}; try again"
        raise Problem(503, why, reason=told.status, headers={"Retry-After": "1"})
    return told


def _age(told: Told) -> dict[str, Any]:
    return {"status": "last" if told.stale else "fresh", "stale": told.stale or None}


def _short(asked: int, given: int) -> str | None:
    return None if given >= asked else f"asked for {asked} users, got {given}: no other is known"
