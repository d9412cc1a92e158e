"""Requests about what users did: written, and followed as it happens."""

from stream.gateway import api
from stream.gateway.contract.route import ID, Answer, Body, Parameter, Route, list_of
from stream.gateway.feed import message
from stream.gateway.routes.shared import ACCEPT_LANGUAGE, FIELDS, LANG, NOON
from stream.records.http.answers import Refused, Written
from stream.records.http.messages import MESSAGES
from stream.settings import Gateway

VIEW = {"type": "view", "event_id": "e-7001", "user_id": "ada", "item_id": "teapot", "timestamp": NOON}
BOUGHT = VIEW | {"type": "purchase", "event_id": "e-7002", "price": 29.5, "quantity": 1, "decision_id": "118.40.2"}
WRONG = Refused(index=1, reason="bad_timestamp", detail="event: `timestamp` must be seconds since 1970; got 1.0")
VIEWED = message("event", {"user_id": "ada", "type": "view", "item_id": "teapot", "title": "Teapot"}).decode()

EVENTS = (
    Route(
        "POST", "/v1/events", api.write_events, scope="events", own=True, tag="events",
        body=Body("EventBody", {"one": VIEW, "several": [VIEW, BOUGHT]}, most=Gateway().max_events),
        headers=(
            Parameter(
                "Idempotency-Key", {"type": "string", "maxLength": 1024},
                "of a request: repeated with it and the same body within a day, it is answered as before", '"e-7001"',
            ),
        ),
        answers={
            200: Answer(
                "all are written", (Written,), {"all": Written(accepted=2, errors=[])}, ("Idempotency-Replayed",)
            ),
            207: Answer(
                "those in `errors` are not", (Written,), {"some": Written(accepted=1, errors=[WRONG])},
                ("Idempotency-Replayed", "Retry-After"),
            ),
        },
        problems={
            409: "the first request with this Idempotency-Key is not answered yet",
            422: "no event was written, `errors` says why; or the Idempotency-Key came with another body",
            503: "Kafka acknowledged none: send the same events again",
        },
    ),
    Route(
        "GET", "/v1/stream", api.stream, scope="slates", own=True, tag="events",
        query=(
            Parameter(
                "topics", list_of({"enum": sorted(api.TOPICS)}, len(api.TOPICS)), "without it `slate`",
                ["event", "slate"], joined=True,
            ),
            Parameter("user", ID, "only this user's; a token has only its own", "ada"), FIELDS, LANG,
        ),
        headers=(ACCEPT_LANGUAGE,),
        answers={
            200: Answer(
                "messages until one of the two leaves; a comment every 15 seconds", (), {"view": VIEWED},
                content="text/event-stream", messages=MESSAGES,
            )
        },
    ),
)  # fmt: skip
