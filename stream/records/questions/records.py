"""Questions to the model: further records of the topics `requests` and `responses`.

A question is told from a request for a slate by its field `question`. It has no `user_id`, so a worker from before
questions refuses it as a dead letter, and never takes it for a request. Nothing is decided and nothing learned: it may
be asked again and again, and is lost with its reader. One about items may be on any partition, every worker has the
whole model. One about users is answered for the users of its partition: ask on all of them.
"""

from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from stream.records.requests import MAX_DEADLINE_MS
from stream.records.schemas import Id, Timestamp, Version

MAX_LISTED: Final = 100  # entries of a list
MAX_CATEGORY: Final = 256  # characters, as of an item's
DEADLINE_MS: Final = 10_000  # of a question that names none
QuestionKind = Literal[
    "similar", "also_bought", "popular", "rising", "latest", "audience", "similar_users"
]  # what is asked
OF_ITEMS: Final = ("similar", "also_bought", "audience")  # kinds whose `of` is an item
OF_ALL: Final = ("popular", "rising", "latest")  # kinds without `of`
OF_USERS: Final = ("audience", "similar_users")  # kinds whose answers are users of the partition
KINDS: Final[tuple[QuestionKind, ...]] = get_args(QuestionKind)
AnswerStatus = Literal["answered", "unknown", "late", "busy"]
_KIND = (
    "similar: items seen by the same users or described alike; also_bought: bought by the same users; popular: the "
    "most events lately; rising: more than of late; latest: first mentioned last; audience: users of this partition "
    "who may want the item; similar_users: those whose items are like this user's"
)
_STATUS = (
    "answered: there may still be nothing; unknown: the model does not know the item or user; late: the deadline had "
    "passed; busy: too many wait"
)


class Question(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Asks the model for a list of items or users. Without a key, on any partition, of users on each."""

    request_id: Annotated[Id, Meta(description="unlike any other's; the answer has it too")]
    question: Annotated[QuestionKind, Meta(description=_KIND)]
    of: Annotated[Id | None, Meta(description="the item, or for similar_users the user; none for lists of all")] = None
    category: (
        Annotated[
            str,
            Meta(min_length=1, max_length=MAX_CATEGORY, description="of popular, rising, latest: the items' first one"),
        ]
        | None
    ) = None
    k: Annotated[int, Meta(ge=1, le=MAX_LISTED, description="entries at most")] = 20
    timestamp: Annotated[
        Timestamp | None, Meta(description="event time as of which items have expired; none: of the Kafka record")
    ] = None
    deadline_ms: Annotated[
        int,
        Meta(ge=1, le=MAX_DEADLINE_MS, description="after the time of the Kafka record, when nobody waits any more"),
    ] = DEADLINE_MS
    schema_version: Version = 1


class ListedItem(Struct, frozen=True):
    """An item of an answer."""

    item_id: Id
    score: Annotated[float, Meta(description="comparable within an answer; of latest: event time, unix seconds")]
    because: Annotated[
        str, Meta(description="what speaks most for it: covisitation, content, bought, popularity, trending, latest")
    ]


class ListedUser(Struct, frozen=True):
    """A user of an answer."""

    user_id: Id
    score: Annotated[float, Meta(description="comparable between the answers of all partitions")]
    through: Annotated[str, Meta(description="the item of theirs that speaks most for them")]


class QuestionAnswer(Struct, frozen=True, kw_only=True):
    """Answers a question, on the partition that it was on; best first. Without a key."""

    request_id: Id
    question: QuestionKind
    status: Annotated[AnswerStatus, Meta(description=_STATUS)]
    model_version: Annotated[int, Meta(ge=0, description="log offset that the model had folded")]
    items: list[ListedItem] = []
    users: list[ListedUser] = []
    reason: Annotated[str, Meta(description="why there is no answer, in words; empty: there is one")] = ""
    schema_version: Version = 1
