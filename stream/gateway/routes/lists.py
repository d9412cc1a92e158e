"""Requests for lists that the model answers."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from stream.gateway.asking.questions import MOST_USERS
from stream.gateway.contract.route import Answer, Parameter, Route, whole
from stream.gateway.handlers import model_lists
from stream.gateway.routes.shared import (
    ACCEPT_LANGUAGE,
    EXCLUDE,
    FIELDS,
    IF_NONE_MATCH,
    LANG,
    NOON,
    NOT_MODIFIED,
)
from stream.records.http.lists import Audience, CategoryItems, ListedItem, ListedUser, SimilarItems, SimilarUsers
from stream.records.questions.records import MAX_CATEGORY

HEADERS = (ACCEPT_LANGUAGE, IF_NONE_MATCH)
UNKNOWN = {404: "neither the catalogue nor an event has named the item"}
UNANSWERED = {503: "no worker has answered in time, and no older answer is kept: try again"}
K = Parameter("k", whole(1, model_lists.MAX_ITEMS), "items; 20 without it", 5)
CATEGORY = Parameter(
    "category", {"type": "string", "maxLength": MAX_CATEGORY}, "only items whose first category it is", "Mugs"
)
OF_ITEMS = (K, EXCLUDE, FIELDS, LANG)
OF_USERS = (
    Parameter("k", whole(1, MOST_USERS), "users; 20 without it", 5), LANG,
    Parameter(
        "deadline_ms", whole(1, model_lists.MAX_MS), f"milliseconds to wait; {model_lists.USERS_MS} without it", 5_000
    ),
)  # fmt: skip
WHOLE: dict[str, Any] = {"short": None, "status": "fresh", "stale": None, "asked": 1}
SIMILAR = SimilarItems(
    item_id="teapot", title="Teapot", **WHOLE,
    items=[ListedItem(item_id="cups", title="Two cups", score=0.32, source="covisitation", reason="goes with Teapot")],
)  # fmt: skip
BOUGHT = SimilarItems(
    item_id="teapot", title="Teapot", **WHOLE,
    items=[
        ListedItem(
            item_id="oolong", title="Oolong", score=0.25, source="bought", reason="bought by those who bought Teapot"
        )
    ],
)  # fmt: skip
READER = ListedUser(user_id="ada", score=0.41, through="cups", title="Two cups", reason="has Two cups")
PARTS: dict[str, Any] = {"partial": False, "answered": 8, "partitions": 8}


def _answers(text: str, example: Struct) -> Mapping[int, Answer]:
    found = Answer(text, (type(example),), {"found": example}, ("ETag", "Content-Language"))
    return NOT_MODIFIED | {200: found}


def _of_all(path: str, handler: Any, source: str, reason: str, score: float) -> Route:
    item = ListedItem(item_id="mug", title="Enamel mug", score=score, source=source, reason=reason)
    return Route(
        "GET", path, handler, scope="slates", tag="lists", query=(CATEGORY, *OF_ITEMS), headers=HEADERS,
        answers=_answers("the items", CategoryItems(category="Mugs", items=[item], **WHOLE)), problems=UNANSWERED,
    )  # fmt: skip


LISTS = (
    Route(
        "GET", "/v1/items/{item_id}/similar", model_lists.similar, scope="slates", tag="lists", query=OF_ITEMS,
        headers=HEADERS, answers=_answers("the items", SIMILAR), problems=UNKNOWN | UNANSWERED,
    ),
    Route(
        "GET", "/v1/items/{item_id}/also-bought", model_lists.also_bought, scope="slates", tag="lists",
        query=OF_ITEMS, headers=HEADERS, answers=_answers("the items", BOUGHT), problems=UNKNOWN | UNANSWERED,
    ),
    _of_all("/v1/popular", model_lists.popular, "popularity", "many like it", 31.5),
    _of_all("/v1/rising", model_lists.rising, "trending", "it is on the rise", 2.5),
    _of_all("/v1/latest", model_lists.latest, "latest", "it is new", NOON),
    Route(
        "GET", "/v1/items/{item_id}/audience", model_lists.audience, scope="catalogue|admin", tag="lists",
        weight=model_lists.USERS_WEIGHT, query=OF_USERS, headers=HEADERS, problems=UNKNOWN | UNANSWERED,
        answers=_answers("the users", Audience(item_id="mug", title="Enamel mug", users=[READER], **WHOLE, **PARTS)),
    ),
    Route(
        "GET", "/v1/users/{user_id}/similar", model_lists.similar_users, scope="catalogue|admin", tag="lists",
        weight=model_lists.USERS_WEIGHT, query=OF_USERS, headers=HEADERS, problems=UNANSWERED,
        answers=_answers("the users", SimilarUsers(user_id="ben", users=[READER], **WHOLE, **PARTS)),
    ),
)  # fmt: skip
