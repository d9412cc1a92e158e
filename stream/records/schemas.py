"""The records on headwater's public topics, as JSON; those of slates that are asked for are in `requests.py`.

Producers write `Event`, `Item` and `Profile`, `headwater experiment` writes `Experiment`; workers write
`Recommendation`, `Outcome` and `DeadLetter`. Each carries `schema_version`; unknown fields are ignored, so a newer
producer does not break an older worker. The JSON Schemas under `deploy/schemas` and `deploy/asyncapi.yaml` are
generated from this file, `requests.py` and `topics.py`.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

SCHEMA_VERSION = 1
MAX_ID_BYTES = 256  # of any id, encoded as UTF-8
MAX_EVENT_BYTES = 64 * 1024  # a larger event is a mistake; for items and profiles: `limits`
MAX_PRICE = 1e12  # of a unit, and of price x quantity: sums of many stay exact, in any currency
MAX_QUANTITY = 1e6
MAX_VECTORS = 16
MAX_VECTOR_NUMBERS = 8192  # of all vectors of an item
EventType = Literal["view", "click", "purchase"]
KINDS: tuple[EventType, ...] = (
    "view",
    "click",
    "purchase",
)  # the index is the `kind` of `learners.base`: VIEW, CLICK, PURCHASE
OutcomeType = Literal["hit", "miss", "silent", "void", "replaced"]
HOME = "home"  # the placement that every site has
UNLEARNED: tuple[OutcomeType, ...] = ("void", "replaced")  # nothing is learned from them
Id = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_ID_BYTES,
        description="1 to 256 bytes of UTF-8; nothing invisible, no white space at its ends",
    ),
]
Timestamp = Annotated[float, Meta(description="seconds since 1970-01-01 UTC; fractions allowed")]
# The bounds of an item are no constraints of the record, since the log, which was written before them, holds items too:
# `limits.excess` checks them on arrival.
MAX_TITLE, MAX_TEXT, MAX_LINK, MAX_WORD, MAX_KEY, MAX_VALUE = 1024, 65_536, 2048, 256, 128, 4096  # characters
MAX_CATEGORIES, MAX_TAGS, MAX_IMAGES, MAX_ATTRIBUTES, MAX_VECTOR = 64, 256, 10, 64, 4096
_LINK: dict[str, object] = {"format": "iri", "pattern": "^https?://", "maxLength": MAX_LINK}
Money = Annotated[float, Meta(ge=0, description="in the shop's own currency", extra_json_schema={"maximum": MAX_PRICE})]
Probability = Annotated[float, Meta(ge=0, le=1)]
Scalar = str | float | bool | None
AttributeKey = Annotated[str, Meta(max_length=MAX_KEY)]
AttributeValue = Annotated[str, Meta(max_length=MAX_VALUE)] | float | bool | None
Attributes = Annotated[
    dict[AttributeKey, AttributeValue],
    Meta(max_length=MAX_ATTRIBUTES, description="flat: strings, numbers, booleans"),
]
Word = Annotated[str, Meta(extra_json_schema={"maxLength": MAX_WORD})]  # a category, a tag
Vector = Annotated[list[float], Meta(extra_json_schema={"maxItems": MAX_VECTOR})]
_OUTCOMES = (
    "hit, miss: by the user's next event; silent: none came within the attribution window; "
    "void: the next event names another slate, or none and is dated before this one, or nobody said that it was seen; "
    "replaced: a fresher slate was published before anybody answered, or a later slate with the item gets the credit. "
    "Leave void and replaced out of estimates"
)
_OFFERED_RANKS = (
    "base64 of bytes, slots x sources, row by row: the rank in its list of the first item that each source still had "
    "to offer; 128 more if the slot shows another item; 255 if there was none. All 255: a rule fixed the item"
)
_LISTS = (
    "base64 of little-endian 16-bit numbers, sources x depth, row by row: each source's list, best first, as numbers "
    "of items. The first numbers are the slots of the slate; 65535 where a list is short"
)
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,60}$", description="letters, digits, dot, dash, underscore")]
Settings = dict[str, dict[str, Scalar]]
Metric = Literal["reward", "hits", "purchases", "revenue"]
METRICS: tuple[Metric, ...] = ("reward", "hits", "purchases", "revenue")  # of a variant, each per decision
Version = Annotated[Literal[1], Meta(description="version of this schema")]


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a user did to an item. Key: `user_id`, partitioned by murmur2 (the default of Java and kafka-python)."""

    event_id: Annotated[Id, Meta(description="unique per event: the same id twice is learned once")]
    user_id: Id
    item_id: Id
    timestamp: Annotated[Timestamp, Meta(description="when it happened, in seconds since 1970-01-01 UTC")]
    type: Annotated[EventType | None, Meta(description="if given, must be that of the topic")] = None
    session_id: Annotated[Id | None, Meta(description="without it, 30 minutes of silence end a session")] = None
    decision_id: Annotated[Id | None, Meta(description="the recommendation that the user acted on, if known")] = None
    price: (
        Annotated[
            float,
            Meta(ge=-MAX_PRICE, le=MAX_PRICE, description="of one unit, in the shop's own currency; below 0: a return"),
        ]
        | None
    ) = None
    quantity: (
        Annotated[
            float,
            Meta(ge=-MAX_QUANTITY, le=MAX_QUANTITY, description="units bought, not 0; below 0: a return"),
        ]
        | None
    ) = None
    context: Annotated[Attributes, Meta(description="device, channel, country, ...")] = {}
    schema_version: Version = 1


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An item of the catalogue. Key: `item_id`; an empty value (tombstone) takes the item off every list."""

    item_id: Id
    title: Annotated[str, Meta(extra_json_schema={"maxLength": MAX_TITLE})] | None = None
    categories: Annotated[
        list[Word], Meta(extra_json_schema={"maxItems": MAX_CATEGORIES}, description="the most telling one first")
    ] = []
    price: Money | None = None
    list_price: (
        Annotated[float, Meta(ge=0, description="before a reduction", extra_json_schema={"maximum": MAX_PRICE})] | None
    ) = None
    tags: Annotated[list[Word], Meta(extra_json_schema={"maxItems": MAX_TAGS})] = []
    text: Annotated[str, Meta(extra_json_schema={"maxLength": MAX_TEXT})] | None = None
    attributes: Annotated[
        dict[str, Scalar],
        Meta(extra_json_schema={"maxProperties": MAX_ATTRIBUTES}, description="flat: strings, numbers, booleans"),
    ] = {}
    available: bool = True
    expires_at: Annotated[Timestamp | None, Meta(description="not recommended from then on (event time)")] = None
    link: Annotated[str, Meta(extra_json_schema=_LINK, description="address of its page, http or https")] | None = None
    image: Annotated[str, Meta(extra_json_schema=_LINK, description="address of its picture, http or https")] | None = (
        None
    )
    images: Annotated[
        list[Annotated[str, Meta(extra_json_schema=_LINK)]],
        Meta(extra_json_schema={"maxItems": MAX_IMAGES}, description="addresses of further pictures"),
    ] = []
    vectors: Annotated[
        dict[str, Vector],
        Meta(
            extra_json_schema={"maxProperties": MAX_VECTORS},
            description="named embeddings, 8,192 numbers in all; reserved",
        ),
    ] = {}
    schema_version: Version = 1


class Profile(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The attributes of a user. Key: `user_id`; an empty value (tombstone) forgets the user."""

    user_id: Id
    attributes: Attributes = {}
    schema_version: Version = 1


class Slot(Struct, frozen=True, gc=False):
    """One place of a slate, from the top."""

    item_id: Id
    score: Annotated[float, Meta(description="the ranking score; comparable within one slate only")]
    source: Annotated[str, Meta(description="the source that filled the slot: ranked, popularity, ...")]
    propensity: Annotated[Probability, Meta(description="P(this item here | the items above it), as drawn")]
    because: Annotated[
        str,
        Meta(
            description="what contributes most to the score: a source or a feature of which the item has more than the "
            "other candidates, or, after `less `, less; empty if nothing speaks for it but what filled the slot"
        ),
    ] = ""


class Recommendation(Struct, frozen=True, kw_only=True):
    """A user's newest slate. Key: `user_id`, and for a placement `user_id/placement`, on a topic of its own.

    The slots' propensities multiply to the probability of the slate.
    """

    user_id: Id
    decision_id: Annotated[Id, Meta(description="send it back in `Event.decision_id`")]
    event_id: Annotated[
        Id | None,
        Meta(description="the event that it answers; none if it was refreshed, deferred, or asked for without one"),
    ]
    timestamp: Annotated[Timestamp, Meta(description="event time at which it was made")]
    model_version: Annotated[int, Meta(ge=0, description="offset in headwater.log that the model had folded")]
    epoch: Annotated[int, Meta(ge=0, description="the owner's claim; ignore a slate with a lower epoch than seen")]
    policy: str
    slots: list[Slot]
    experiment: Annotated[str, Meta(description="that the user takes part in; empty: none")] = ""
    variant: Annotated[str, Meta(description="of the experiment that made the slate")] = ""
    placement: Annotated[str, Meta(description="the place of the site that it is for")] = HOME
    page: Annotated[int, Meta(ge=1, description="of the placement: further ones go on from the one before")] = 1
    schema_version: Version = 1


class Outcome(Struct, frozen=True, kw_only=True):
    """A settled decision, for off-policy evaluation. Key: `user_id`; repeats are identical: remove by `decision_id`."""

    user_id: Id
    decision_id: Id
    outcome: Annotated[OutcomeType, Meta(description=_OUTCOMES)]
    reward: float
    hit: Annotated[int | None, Meta(description="slot of the item that was taken, from 0")]
    event_id: Annotated[Id | None, Meta(description="the event that settled it; none if silent or replaced")]
    decided_at: Timestamp
    settled_at: Timestamp
    policy: str
    items: list[Id]
    sources: list[str]
    propensities: list[Probability]
    discount: Annotated[float, Meta(description="worth of what followed; 0 at the end of a session")] = 0.0
    state: Annotated[int, Meta(description="of the policy, in which it drew")] = 0
    offering: Annotated[
        list[str], Meta(description="all sources of slots: the columns of offered_ranks, the rows of lists")
    ] = []
    offered_ranks: Annotated[bytes, Meta(description=_OFFERED_RANKS)] = b""
    lists: Annotated[bytes, Meta(description=_LISTS)] = b""
    experiment: Annotated[str, Meta(description="that the user took part in; empty: none")] = ""
    variant: Annotated[str, Meta(description="of the experiment that made the slate")] = ""
    shadow: Annotated[list[Id], Meta(description="what the shadow policy would have shown; empty: there was none")] = []
    placement: Annotated[str, Meta(description="the place of the site that the slate was for")] = HOME
    page: Annotated[int, Meta(ge=1, description="of the placement")] = 1
    schema_version: Version = 1


class Variant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One configuration of an experiment, and the share of the users who get it."""

    name: Name
    share: Annotated[float, Meta(gt=0, le=1, description="of all users, when ramped up")]
    settings: Annotated[Settings, Meta(description="what differs: section, key, value, as in a configuration")] = {}
    rules: Annotated[str, Meta(description="text of a rules file that replaces the workers' own")] = ""


class Guard(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A variant that is credibly worse than this is stopped."""

    metric: Metric
    allowed: Annotated[float, Meta(ge=0, lt=1, description="loss that is still allowed, as a share of the control")] = (
        0.0
    )


class Experiment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Variants that are compared; the first is the control. Key: `name`; an empty value (tombstone) ends it."""

    name: Name
    variants: Annotated[list[Variant], Meta(min_length=2, max_length=8)]
    starts_at: Annotated[Timestamp, Meta(description="event time; before it nobody takes part")]
    ramp_s: Annotated[float, Meta(ge=0, description="seconds until the shares are reached, evenly")] = 0.0
    holdout: Annotated[
        float,
        Meta(ge=0, lt=1, description="share of all users, the same in every experiment, who never see exploration"),
    ] = 0.0
    effect: Annotated[
        float, Meta(gt=0, le=1, description="lift to be found soonest, as a share; intervals hold for any other too")
    ] = 0.05
    level: Annotated[float, Meta(gt=0, lt=1, description="chance that all intervals of a metric hold at all times")] = (
        0.95
    )
    guards: Annotated[list[Guard], Meta(max_length=4)] = []
    shadow: Annotated[
        Settings | None,
        Meta(description="settings of a shadow policy: it learns, and its slates are logged, not shown"),
    ] = None
    placement: Annotated[str, Meta(description="whose slates are compared")] = HOME
    schema_version: Version = 1


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A record that could not be read, with all that is needed to correct and resend it. Key: the original key."""

    topic: str
    partition: int
    offset: int
    timestamp: Annotated[Timestamp, Meta(description="of the Kafka record")]
    reason: Annotated[str, Meta(description="one of a fixed set of words, as in the metric")]
    detail: Annotated[str, Meta(description="what was expected, what came, what to do")]
    key: Annotated[bytes | None, Meta(description="original key, base64")]
    value: Annotated[bytes | None, Meta(description="original bytes, base64")]
    schema_version: Version = 1


def json_schema(record: type[Struct]) -> dict[str, object]:
    """JSON Schema (2020-12) of one wire record, with nested records under `$defs`.

    >>> sorted(json_schema(Profile)["$defs"]["Profile"]["required"])
    ['user_id']
    """
    schema = msgspec.json.schema(record)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": record.__name__, **schema}
