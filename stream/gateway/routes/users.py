"""Requests about users: slates, explanations, attributes."""

from msgspec.structs import replace

from stream.gateway import api
from stream.gateway.answers.pages import cursor
from stream.gateway.contract.route import ID, MERGEABLE, Answer, Body, Parameter, Route, whole
from stream.gateway.handlers import asked, catalogue, lists
from stream.gateway.routes.shared import (
    ACCEPT_LANGUAGE,
    EXCLUDE,
    FIELDS,
    IF_MATCH,
    IF_NONE_MATCH,
    LANG,
    NOON,
    NOT_MODIFIED,
    OTHER_VERSION,
    TEXT,
    page_of,
)
from stream.records.http.answers import (
    After,
    Contribution,
    ExplainedSlot,
    Explanation,
    Forgetting,
    KnownUser,
    LeftOut,
    ProblemDetails,
    Pull,
    RecentItem,
    ServedItem,
    ServedSlate,
    UserPage,
    UserWritten,
)
from stream.records.http.asked import AskedSlate, AskedSlates

SLATE = ServedSlate(
    user_id="ada", decision_id="118.41.0", event_id="e-7001", timestamp=NOON, policy="disagreement", experiment="",
    variant="", fallback=None, asked=2, short=None, filled=1, left_out=LeftOut(excluded=1, withdrawn=0),
    after=After(event_id="e-7001", known=True),
    items=[
        ServedItem(
            item_id="cups", title="Two cups", price=12.5, image="https://shop.example/cups.jpg", score=0.42,
            source="ranked", propensity=0.925, reason="goes with Teapot",
        ),
        ServedItem(
            item_id="sencha", title="Sencha", score=1.5, source="fill", propensity=None, reason="it is on the rise"
        ),
    ],
)  # fmt: skip
FRESH = replace(SLATE, status="fresh", after=None, filled=0, asked=1, items=SLATE.items[:1])
UNMADE = AskedSlate(
    slate=None,
    problem=ProblemDetails(
        title="Service Unavailable", status=503, reason="late",
        detail="user 'ben': no slate was made, and there is no older one: too late; try again",
    ),
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

PLACEMENT = Parameter("placement", TEXT, "the place of the site that the slate is for; without it home", "home")

USERS = (
    Route(
        "GET", "/v1/users/{user_id}/recommendations", api.recommendations, scope="slates", own=True, tag="users",
        query=(
            Parameter(
                "k", whole(1, api.MAX_ITEMS),
                "items; without it as many as the slate has. A short slate is filled up, see `filled`", 5,
            ),
            EXCLUDE._replace(description=f"{EXCLUDE.description}. Others take their places"), FIELDS, LANG,
            Parameter("after", ID, "id of an event of the user that the slate should know; waits for it", "e-7001"),
            PLACEMENT,
        ),
        headers=(ACCEPT_LANGUAGE, IF_NONE_MATCH),
        answers=NOT_MODIFIED | {
            200: Answer(
                "the slate, or trending items", (ServedSlate,), {"slate": SLATE, "trending": TRENDING},
                ("ETag", "Content-Language"),
            )
        },
    ),
    Route(
        "POST", "/v1/recommendations", asked.recommend, scope="slates", own=True, tag="users", weight=asked.WEIGHT,
        body=Body(
            "SlateRequest",
            {
                "one": {"user_id": "ada", "k": 5, "exclude": ["teapot"], "fields": ["price"], "deadline_ms": 1_000},
                "search": {"user_id": "ada", "candidates": ["cups", {"item_id": "teapot", "price": 24.5}, "tea"]},
                "filter": {"user_id": "ada", "k": 5, "filter": {"price": {"max": 30}, "brand": ["Emaille", "Blau"]}},
                "cart": {"user_id": "ada", "k": 4, "anchors": ["teapot", "tea"], "from": "cart"},
                "next page": {"user_id": "ada", "k": 5, "after": "7.310.2", "context": {"device": "phone"}},
                "several": {"requests": [{"user_id": "ada", "k": 2}, {"user_id": "ben", "k": 2}]},
            },
            several="SlateRequests",
        ),
        headers=(ACCEPT_LANGUAGE,),
        answers={
            200: Answer(
                "the slate, or all of several", (ServedSlate, AskedSlates),
                {
                    "one": FRESH, "late": replace(FRESH, status="last", stale="no worker has answered within 250 ms"),
                    "several": AskedSlates(answers=[AskedSlate(slate=FRESH, problem=None)]),
                },
                ("Content-Language",),
            ),
            207: Answer(
                "several, of which some have a problem in place of a slate", (AskedSlates,),
                {"some": AskedSlates(answers=[AskedSlate(slate=FRESH, problem=None), UNMADE])},
            ),
        },
        problems={
            409: "the decision to go on from is open no more: ask for a first page",
            503: "no slate was made in time, and there is no older one: try again",
        },
    ),
    Route(
        "GET", "/v1/users/{user_id}/explanation", api.explanation, scope="slates", own=True, tag="users",
        query=(LANG, PLACEMENT), headers=(ACCEPT_LANGUAGE, IF_NONE_MATCH),
        answers=NOT_MODIFIED | {
            200: Answer("the explanation", (Explanation,), {"slate": EXPLAINED}, ("ETag", "Content-Language"))
        },
        problems={
            404: "no worker has an open slate of this user", 501: "no worker is known: see gateway.workers",
            502: "a worker asks for a token: see worker.token",
        },
    ),
    Route(
        "GET", "/v1/users", lists.list_users, scope="slates", tag="users",
        query=page_of("users"), headers=(IF_NONE_MATCH,),
        answers=NOT_MODIFIED | {
            200: Answer(
                "a page", (UserPage,),
                {"first": UserPage(users=["ada", "ben"], next=cursor("users", "ben"), complete=True)}, ("ETag",),
            )
        },
    ),
    Route(
        "GET", "/v1/users/{user_id}", catalogue.get_user, scope="slates", own=True, tag="users",
        answers={200: Answer("what is known", (KnownUser,), {"ada": KNOWN}, ("ETag",))},
        problems={404: "no attributes, no recent event and no slate are known here"},
    ),
    Route(
        "PUT", "/v1/users/{user_id}", catalogue.put_user, scope="catalogue", tag="users", headers=(IF_MATCH,),
        body=Body("ProfileBody", {"ada": {"attributes": {"country": "NL", "newsletter": False}}}),
        answers={202: Answer("written", (UserWritten,), {"ada": UserWritten(user_id="ada")})}, problems=OTHER_VERSION,
    ),
    Route(
        "PATCH", "/v1/users/{user_id}", catalogue.patch_user, scope="catalogue", tag="users", headers=(IF_MATCH,),
        body=Body("ProfileChange", {"moved": {"attributes": {"country": "BE", "newsletter": None}}}, MERGEABLE),
        answers={202: Answer("written", (UserWritten,), {"ada": UserWritten(user_id="ada")})},
        problems=OTHER_VERSION | {409: "this gateway may have dropped the attributes: send all with PUT"},
    ),
    Route(
        "DELETE", "/v1/users/{user_id}", catalogue.forget, scope="admin", tag="users",
        answers={202: Answer("asked for", (Forgetting,), {"ada": FORGETTING})},
    ),
)  # fmt: skip
