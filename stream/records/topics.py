"""Every topic: name, key, partitions, retention, record. `headwater topics` and the AsyncAPI document use this file."""

from typing import Any, Literal, NamedTuple, cast

from msgspec import Struct

from stream.records.questions.records import Question, QuestionAnswer
from stream.records.requests import Request, Response
from stream.records.schemas import DeadLetter, Event, EventType, Experiment, Item, Outcome, Profile, Recommendation

DAY_MS = 24 * 3600 * 1000
HOUR_MS = 3600 * 1000
DEFAULT_PARTITIONS = 8


class Topic(NamedTuple):
    """One topic and its settings."""

    name: str  # without the namespace
    key: str
    record: type[Struct] | None  # None: headwater's own binary messages
    description: str
    config: dict[str, str]
    partitions: int | None = None  # None: as many as all topics keyed by user
    beside: type[Struct] | None = None  # another record that is on it, without a key


def _keep(days: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * DAY_MS)}


COMPACT = {"cleanup.policy": "compact"}
BRIEFLY = {"cleanup.policy": "delete", "retention.ms": str(HOUR_MS)}  # nobody waits longer
CHUNK_LIMIT = 4 * 1024 * 1024  # of a snapshot; chunks are made much smaller
DEAD_BYTES = 2 * 1024 * 1024  # a dead letter wraps up to 1 MiB in base64
# A log message packs up to 200 records, each with up to 8 lists of 40 items of 256 bytes.
LOG_BYTES = 24 * 1024 * 1024

VIEWS = Topic("events.view", "user_id", Event, "a user looked at an item", _keep(7))
CLICKS = Topic("events.click", "user_id", Event, "a user clicked, liked or put an item in the cart", _keep(7))
PURCHASES = Topic("events.purchase", "user_id", Event, "a user bought an item", _keep(7))
ITEMS = Topic("catalog.items", "item_id", Item, "the catalogue; tombstone: item gone", COMPACT)
USERS = Topic("catalog.users", "user_id", Profile, "user attributes; tombstone: forget this user", COMPACT)
EXPERIMENTS = Topic("experiments", "name", Experiment, "the one that runs; tombstone: it ends", COMPACT, 1)
RECOMMENDATIONS = Topic("recommendations", "user_id", Recommendation, "each user's newest slate", COMPACT)
PLACED = Topic(
    "recommendations.placements", "user_id/placement", Recommendation, "each user's newest slate of each placement",
    COMPACT,
)  # fmt: skip
OUTCOMES = Topic("outcomes", "user_id", Outcome, "settled decisions with propensities and rewards", _keep(30))
DEAD = Topic(
    "events.dead",
    "original key",
    DeadLetter,
    "records that could not be read",
    _keep(30) | {"max.message.bytes": str(DEAD_BYTES)},
    1,
)
REQUESTS = Topic(
    "requests", "user_id", Request, "somebody asks for a user's slate as of now, or the model for a list", BRIEFLY,
    beside=Question,
)  # fmt: skip
RESPONSES = Topic(
    "responses", "user_id", Response, "answers to requests and questions", BRIEFLY, beside=QuestionAnswer
)  # fmt: skip
FOREVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
LOG = Topic(
    "headwater.log",
    "none",
    None,
    "claims, batches of steps, snapshots committed; all state is folded from it",
    FOREVER | {"max.message.bytes": str(LOG_BYTES)},
    1,
)

USER_SNAPSHOTS = Topic(
    "headwater.users",
    "none",
    None,
    "snapshots of the users of a shard",
    FOREVER | {"max.message.bytes": str(CHUNK_LIMIT)},
)
MODEL_SNAPSHOTS = Topic(
    "headwater.model",
    "none",
    None,
    "snapshots of the shared model",
    FOREVER | {"max.message.bytes": str(CHUNK_LIMIT)},
    1,
)

EVENT_TOPICS: dict[EventType, Topic] = {"view": VIEWS, "click": CLICKS, "purchase": PURCHASES}
EVENT_KINDS: dict[str, EventType] = {topic.name: kind for kind, topic in EVENT_TOPICS.items()}
USER_TOPICS = (VIEWS, CLICKS, PURCHASES, USERS, REQUESTS)  # one shard = the same partition of these five
INPUT_TOPICS = (*USER_TOPICS, ITEMS, EXPERIMENTS)
KEYED_BY_USER = (
    *USER_TOPICS,
    RECOMMENDATIONS,
    PLACED,
    RESPONSES,
    OUTCOMES,
    USER_SNAPSHOTS,
)  # must have equal partition counts
TOPICS = (*INPUT_TOPICS, RECOMMENDATIONS, PLACED, RESPONSES, OUTCOMES, DEAD, LOG, USER_SNAPSHOTS, MODEL_SNAPSHOTS)
BRIEF = (REQUESTS,)  # input that is worth nothing once nobody waits for it: deleted unread, nothing is lost
NUMBER = "@topic"  # in a shard's positions, behind a topic's name: the number of the topic that the position is in
SNAPSHOT_SHARD = "users/0"  # the owner of this shard takes the snapshots of the model and cuts the log


class ShardId(NamedTuple):
    """One numbered stream of input: partition p of the five user topics, of the catalogue, or of the experiments.

    >>> str(ShardId("users", 3)), ShardId.parse("items/0")
    ('users/3', ShardId(group='items', partition=0))
    """

    group: Literal["users", "items", "experiments"]
    partition: int

    def __str__(self) -> str:
        return f"{self.group}/{self.partition}"

    @classmethod
    def of(cls, topic: Topic, partition: int) -> "ShardId":
        """The shard that a partition of an input topic belongs to."""
        return cls("items" if topic is ITEMS else "experiments" if topic is EXPERIMENTS else "users", partition)

    @classmethod
    def parse(cls, text: str) -> "ShardId":
        """Read what `str` wrote."""
        group, partition = text.split("/")
        return cls(cast("Any", group), int(partition))


def prefixed(namespace: str, topic: Topic) -> str:
    """Full name of `topic`; with a namespace several sites share one cluster.

    >>> prefixed("shop-a", VIEWS), prefixed("", VIEWS)
    ('shop-a.events.view', 'events.view')
    """
    return f"{namespace}.{topic.name}" if namespace else topic.name


def all_shards(partitions: int) -> set[str]:
    """Names of all shards, when the topics of users and items have so many partitions.

    >>> sorted(all_shards(1))
    ['experiments/0', 'items/0', 'users/0']
    """
    return {str(ShardId.of(topic, p)) for topic in INPUT_TOPICS for p in range(topic.partitions or partitions)}
