"""The messages of `GET /v1/stream`: each is the `data` of a server-sent event, whose `event` says which it is."""

from typing import Annotated

from msgspec import Meta, Struct

from stream.records.http.answers import Chosen, ServedSlate, Title
from stream.records.schemas import EventType, Id, OutcomeType


class StreamedEvent(Chosen, frozen=True, kw_only=True):
    """`event`: a user did something."""

    user_id: Id
    type: EventType
    item_id: Id
    title: Title


class StreamedHit(Chosen, frozen=True, kw_only=True):
    """The slot that was taken."""

    slot: Annotated[int, Meta(ge=0, description="from 0")]
    item_id: Id
    source: str
    title: Title


class StreamedOutcome(Struct, frozen=True, kw_only=True):
    """`outcome`: a decision was settled."""

    user_id: Id
    decision_id: Id
    outcome: OutcomeType
    reward: float
    hit: StreamedHit | None


class Figures(Struct, frozen=True, kw_only=True):
    """`stats`: figures and curves of the last minutes, once a second."""

    users: int
    items: int
    latency_ms: Annotated[
        tuple[float | None, float | None],
        Meta(description="from event to slate: median and 99th percentile; null: no slate yet"),
    ]
    seconds: Annotated[
        list[tuple[int, int, int, int, int, float]],
        Meta(description="each second: unix time, events, slates, answered, hits, reward"),
    ]
    slots: Annotated[dict[str, int], Meta(description="slots by source")]
    hits: Annotated[dict[str, list[int]], Meta(description="source: hits at ranks 1, 2, 3-4, 5-8, 9 and beyond")]
    worth: Annotated[
        list[tuple[int, str, float, float]], Meta(description="state of the policy, source, slots shown, reward")
    ]
    workers: Annotated[tuple[int, int], Meta(description="that answered, that are known")]
    lag: Annotated[float | None, Meta(description="events that wait for a worker; null: no worker answered")]
    drift: Annotated[dict[str, float], Meta(description="model: how often drift was found")]


Message = ServedSlate | StreamedEvent | StreamedOutcome | Figures
MESSAGES: dict[str, type[ServedSlate | StreamedEvent | StreamedOutcome | Figures]] = {
    "slate": ServedSlate,
    "event": StreamedEvent,
    "outcome": StreamedOutcome,
    "stats": Figures,
}
