"""Requests about users: slates, explanations, attributes."""

from stream.gateway import api
from stream.gateway.contract.route import ID, MERGEABLE, Answer, Body, Parameter, Route, list_of, whole
from stream.gateway.handlers import catalogue
from stream.gateway.parameters import MAX_EXCLUDED
from stream.records.http.answers import (
    Contribution,
    ExplainedSlot,
    Explanation,
    Forgetting,
    KnownUser,
    LeftOut,
    Pull,
    RecentItem,
    ServedItem,
    ServedSlate,
    UserWritten,
)

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
EXCLUDE = Parameter(
    "exclude", list_of(ID, MAX_EXCLUDED),
    "item ids that the answer must not have; also separated by commas, where a comma of an id is written %2C",
    ["teapot", "oolong"],
)  # fmt: skip
IF_MATCH = Parameter(
    "If-Match", {"type": "string"}, "the `ETag` of GET: refused (412) if it is another version by now", '"2f1c"'
)
OTHER_VERSION = {412: "it is another version by now: read it again, and repeat the change"}
SLATE = ServedSlate(
    user_id="ada", decision_id="118.41.0", event_id="e-7001", timestamp=NOON, policy="disagreement", experiment="",
    variant="", fallback=None, asked=2, short=None, filled=1, left_out=LeftOut(excluded=1, withdrawn=0),
    items=[
        ServedItem(
            item_id="cups", title="Two cups", score=0.42, source="ranked", propensity=0.925, reason="goes with Teapot"
        ),
        ServedItem(
            item_id="sencha", title="Sencha", score=1.5, source="fill", propensity=None, reason="it is on the rise"
        ),
    ],
)  # fmt: skip
TRENDING = ServedSlate(
    user_id="nobody-yet", decision_id=None, event_id=None, timestamp=NOON, policy=None, experiment="", variant="",
    fallback="trending", asked=2, filled=0, left_out=LeftOut(excluded=0, withdrawn=0),
    short="asked for 2 items, got 1: no other item is known that may be shown",
    items=[
        ServedItem(
            item_id="sencha", title="Sencha", score=1.5, source="trending", propensity=None, reason="it is on the rise"
        )
    ],
)  # fmt: skip
EXPLAINED = Explanation(
    user_id="ada", decision_id="118.41.0", policy="disagreement", experiment="", variant="", time=NOON,
    model_version=20_514,
    slots=[
        ExplainedSlot(
            item_id="cups", title="Two cups", source="ranked", score=0.42, propensity=0.925, reason="goes with Teapot",
            pulled_by=[Pull(item_id="teapot", title="Teapot", source="covisitation")],
            contributions=[Contribution(feature="covisitation", nats=0.81, above=True)],
        )
    ],
)  # fmt: skip
KNOWN = KnownUser(
    user_id="ada", attributes={"country": "NL"}, decision_id="118.41.0",
    recent=[RecentItem(item_id="teapot", title="Teapot", type="view")],
)  # fmt: skip
FORGETTING = Forgetting(user_id="ada", forgotten="asked: workers do it with the user's next turn in the log")

USERS = (
    Route(
        "GET", "/v1/users/{user_id}/recommendations", api.recommendations, scope="slates", own=True, tag="users",
        query=(
            Parameter(
                "k", whole(1, api.MAX_ITEMS),
                "items; without it as many as the slate has. A short slate is filled up, see `filled`", 5,
            ),
            EXCLUDE._replace(description=f"{EXCLUDE.description}. Others take their places"),
        ),
        answers={
            200: Answer("the slate, or trending items", ServedSlate, {"slate": SLATE, "trending": TRENDING})
        },
    ),
    Route(
        "GET", "/v1/users/{user_id}/explanation", api.explanation, scope="slates", own=True, tag="users",
        answers={200: Answer("the explanation", Explanation, {"slate": EXPLAINED})},
        problems={
            404: "no worker has an open slate of this user", 501: "no worker is known: see gateway.workers",
            502: "a worker asks for a token: see worker.token",
        },
    ),
    Route(
        "GET", "/v1/users/{user_id}", catalogue.get_user, scope="slates", own=True, tag="users",
        answers={200: Answer("what is known", KnownUser, {"ada": KNOWN}, ("ETag",))},
        problems={404: "no attributes, no recent event and no slate are known here"},
    ),
    Route(
        "PUT", "/v1/users/{user_id}", catalogue.put_user, scope="catalogue", tag="users", headers=(IF_MATCH,),
        body=Body("ProfileBody", {"ada": {"attributes": {"country": "NL", "newsletter": False}}}),
        answers={202: Answer("written", UserWritten, {"ada": UserWritten(user_id="ada")})}, problems=OTHER_VERSION,
    ),
    Route(
        "PATCH", "/v1/users/{user_id}", catalogue.patch_user, scope="catalogue", tag="users", headers=(IF_MATCH,),
        body=Body("ProfileChange", {"moved": {"attributes": {"country": "BE", "newsletter": None}}}, MERGEABLE),
        answers={202: Answer("written", UserWritten, {"ada": UserWritten(user_id="ada")})},
        problems=OTHER_VERSION | {409: "this gateway may have dropped the attributes: send all with PUT"},
    ),
    Route(
        "DELETE", "/v1/users/{user_id}", catalogue.forget, scope="admin", tag="users",
        answers={202: Answer("asked for", Forgetting, {"ada": FORGETTING})},
    ),
)  # fmt: skip
