"""The sections of the configuration: every setting with its unit, its default and its reason."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from stream.records.topics import DEFAULT_PARTITIONS

NAMESPACE = r"^[A-Za-z0-9._-]{0,100}$"  # what Kafka allows in a topic's name
MAX_REWARD = 1e6  # also keeps infinity out


def _doc(text: str, **limits: Any) -> Meta:
    return Meta(description=text, **limits)


class Kafka(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cluster and how it is read."""

    broker: Annotated[str, _doc("host:port, several separated by commas")] = "127.0.0.1:9092"
    mock: Annotated[bool, _doc("talk to librdkafka's mock cluster, which only the demo does")] = False
    namespace: Annotated[
        str, _doc("prefix of all topic names; several sites can share one cluster", pattern=NAMESPACE)
    ] = ""
    partitions: Annotated[int, _doc("of the topics keyed by user; never to be changed later", ge=1, le=1000)] = (
        DEFAULT_PARTITIONS
    )
    replication: Annotated[int, _doc("copies of each partition that `headwater topics` asks for", ge=1)] = 1
    group: Annotated[str, _doc("consumer group of the workers")] = "headwater"
    instance_id: Annotated[
        str,
        _doc(
            "name of this worker that outlives its process: restarted within the session time-out, it gets its "
            "partitions back and the others are not disturbed; empty: any worker takes over"
        ),
    ] = ""
    session_timeout_s: Annotated[float, _doc("seconds until a silent worker loses its partitions", gt=0)] = 10.0
    poll_interval_s: Annotated[
        float, _doc("seconds between polls at least: lower means less latency, more load", ge=0)
    ] = 0.004
    max_poll_records: Annotated[int, _doc("events per poll; each user's newest is answered", ge=1, le=5000)] = 3000
    in_flight_records: Annotated[int, _doc("records that may wait for the log before intake pauses", ge=1)] = 4000
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], _doc("how to talk to the brokers")
    ] = "PLAINTEXT"
    ssl_cafile: Annotated[
        str, _doc("with SSL: PEM file of the authorities that sign the brokers' certificates; empty: the system's")
    ] = ""
    ssl_certfile: Annotated[str, _doc("with SSL: PEM file of an own certificate, if the brokers ask for one")] = ""
    ssl_keyfile: Annotated[str, _doc("with SSL: PEM file of its key; empty: the key is in ssl_certfile")] = ""
    sasl_mechanism: Annotated[Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], _doc("with SASL")] = "PLAIN"
    sasl_username: Annotated[str, _doc("with SASL")] = ""
    sasl_password: Annotated[str, _doc("with SASL; better given in the environment")] = ""


class Slate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is published."""

    slots: Annotated[int, _doc("items on a slate", ge=1, le=40)] = 20
    allow_unknown_items: Annotated[bool, _doc("recommend items that the catalogue does not describe")] = True
    refresh_s: Annotated[
        float,
        _doc("seconds of event time until an unanswered slate is refreshed, in idle time; 0: never", ge=0),
    ] = 300.0
    refresh_active_s: Annotated[
        float, _doc("seconds of event time after a user's last event in which slates are refreshed", gt=0)
    ] = 1800.0
    refresh_at_once: Annotated[int, _doc("slates refreshed in one go, 20 times a second at most", ge=1, le=1000)] = 8
    wait_ms: Annotated[
        float,
        _doc(
            "milliseconds that an event should wait for its slate at most: when more arrives than there is time for, "
            "slates are deferred, those of users who acted last come first, and whoever has waited ten seconds; every "
            "event is learned all the same; 0: never, let all wait",
            ge=0,
            le=60_000,
        ),
    ] = 50.0
    exclude_bought: Annotated[bool, _doc("leave out what the user has bought before")] = False
    rules: Annotated[
        str, _doc("TOML file of caps, pins, boosts, exclusions, ... (docs/rules.md), read at the start; empty: none")
    ] = ""


class Rewards(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one table of rewards, and the two times that bound a slate's credit."""

    view: Annotated[float, Meta(ge=0, le=MAX_REWARD, description="reward of a view of a slate's item")] = 1.0
    click: Annotated[float, Meta(ge=0, le=MAX_REWARD, description="of a click")] = 2.0
    purchase: Annotated[float, Meta(ge=0, le=MAX_REWARD, description="of a purchase")] = 10.0
    session_gap_s: Annotated[float, Meta(gt=0, description="seconds of event time; longer silence ends a session")] = (
        1800.0
    )
    idle_s: Annotated[
        float,
        Meta(gt=0, description="seconds of event time until a user without any event leaves the working memory"),
    ] = 90 * 86_400.0
    attribution_window_s: Annotated[
        float, Meta(gt=0, description="seconds of event time until an unanswered slate is settled at 0")
    ] = 1800.0

    def of(self, kind: int) -> float:
        """Reward of an event by its kind (index in schemas.KINDS)."""
        return (self.view, self.click, self.purchase)[kind]


class Policy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which source fills each slot."""

    name: Annotated[
        str,
        _doc(
            "disagreement: leaves the ranking where a source is credibly better; q_learning, sarsa: a plain table of "
            "values, which explores more; ranked: the ranking as it is; or one that is installed, docs/policies.md",
            pattern=r"^[A-Za-z0-9_.-]{1,100}$",
        ),
    ] = "disagreement"
    bootstrap: Annotated[
        Literal["q_learning", "sarsa"],
        _doc("of disagreement, with a discount: the next slate counts as the best there is, or as it is drawn"),
    ] = "sarsa"
    epsilon: Annotated[float, _doc("share of slots that explore, at the start", ge=0, le=1)] = 0.05
    epsilon_floor: Annotated[float, _doc("share of slots that explore, in the long run", ge=0, le=1)] = 0.02
    epsilon_half_life: Annotated[float, _doc("settled decisions until half of the way down", gt=0)] = 10_000.0
    discount: Annotated[float, _doc("worth of the next slate's value within a session", ge=0, lt=1)] = 0.0
    seed: Annotated[str, _doc("names the random streams; the same log and seed give the same slates")] = "headwater"


class Ranking(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ranking score: next_weight · P(next) + click_weight · P(click) + purchase_weight · P(purchase)."""

    learning_rate: Annotated[float, _doc("step of the mixer (AdaGrad)", gt=0)] = 0.1
    units: Annotated[int, _doc("hidden units of the mixer; 0: linear, a third of the cost", ge=0, le=256)] = 16
    head_learning_rate: Annotated[float, _doc("step of the heads for click and purchase (SGD)", gt=0)] = 0.05
    negatives: Annotated[int, _doc("candidates not taken that each step teaches, half of them hard", ge=2, le=64)] = 16
    asked_share: Annotated[
        float, _doc("share of users back after their session of whom a list made then is learned, not the old one; as "
        "dear as a slate each; not while slates are deferred; a larger one ranks hardly better", ge=0, le=1)
    ] = 0.3  # fmt: skip
    next_weight: Annotated[float, _doc("worth of being the candidate that is taken next", ge=0)] = 1.0
    click_weight: Annotated[float, _doc("worth of a click on the item, by the click head", ge=0)] = 0.0
    purchase_weight: Annotated[float, _doc("worth of a purchase of the item", ge=0)] = 0.0


class Sources(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast sources forget, in events of the whole site (not hours: sites differ by orders of magnitude)."""

    popularity_half_life: Annotated[float, _doc("events", ge=1)] = 3_000.0
    max_items: Annotated[int, _doc("items learned, about 1 KB each; further ones are counted, not learned", ge=1)] = (
        2_000_000
    )
    reused_ids: Annotated[
        Literal["afresh", "keep"],
        _doc(
            "what an item id stands for that is described again after its tombstone: afresh: another product, which "
            "inherits nothing (at most a quarter of max_items are left behind, then they keep); keep: the same one"
        ),
    ] = "afresh"
    fast_half_life: Annotated[float, _doc("events, of the second popularity", ge=1)] = 100.0
    max_users: Annotated[int, _doc("users whose histories are compared, about 350 bytes each", ge=1)] = 1_000_000
    traits: Annotated[
        str,
        _doc(
            "groups with a popularity of their own, several separated by commas: segment is learned by headwater, "
            "others (country, device, ...) are read from an event's context or the user's attributes",
            pattern=r"^([A-Za-z0-9_]+(,[A-Za-z0-9_]+)*)?$",
        ),
    ] = ""
    max_sessions: Annotated[int, _doc("sessions remembered one by one, about 150 bytes each", ge=1)] = 1_000_000
    covisitation_half_life: Annotated[float, _doc("events", ge=1)] = 200_000.0
    rules_half_life: Annotated[float, _doc("events", ge=1)] = 200_000.0
    extra: Annotated[
        str, _doc("further sources by name, separated by commas: built in, or installed by entry point")
    ] = ""


DriftAnswer = Literal[  # learners.drift.ANSWERS
    "faster_step", "shorter_half_life", "faster_and_shorter", "reset_head", "none"
]  # fmt: skip


class Drift(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done when a model has become worse than chance explains: how much, and for how long."""

    delta: Annotated[float, _doc("of ADWIN: smaller means fewer false alarms, and later ones", gt=0, lt=1)] = 0.002
    mixer: Annotated[DriftAnswer, _doc("when the listwise loss of the ranking has risen")] = "faster_step"
    heads: Annotated[DriftAnswer, _doc("when the log-loss of the click or the purchase head has risen")] = "faster_step"
    sources: Annotated[DriftAnswer, _doc("when the hit rate of a source has fallen")] = "shorter_half_life"
    engine: Annotated[DriftAnswer, _doc("of all learners, when the hit rate of the slates has fallen")] = (
        "faster_and_shorter"
    )
    factor: Annotated[float, _doc("faster_step: so many times the step, falling back to 1", ge=1, le=100)] = 4.0
    half_life: Annotated[float, _doc("shorter_half_life: events, growing back to the source's own", ge=1)] = 100.0
    cool_down: Annotated[float, _doc("half-life of the answer, in events", ge=1)] = 500.0


class Worker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The process that serves."""

    host: Annotated[
        str, _doc("address of /metrics, /healthz and /readyz; others than loopback need a token, or `open`")
    ] = "127.0.0.1"
    token: Annotated[
        str,
        _doc(
            "what /metrics, /explanation and /fingerprint ask for (Authorization: Bearer ...), the same for the "
            "gateway, which asks workers; empty: none; in the environment",
            pattern=r"^([!-~]{16,})?$",
        ),
    ] = ""
    open: Annotated[bool, _doc("serve them to everyone without a token, on any address")] = False
    port: Annotated[int, _doc("their port", ge=0, le=65535)] = 6066
    snapshot_s: Annotated[
        float, _doc("seconds in which everything owned is stored once, so that little of the log is needed", gt=0)
    ] = 120.0
    fingerprint_every: Annotated[
        int, _doc("messages of headwater.log between two comparisons of the workers' models", ge=1)
    ] = 10_000
    stuck_after_s: Annotated[float, _doc("seconds with events waiting and no progress until /healthz fails", gt=0)] = (
        30.0
    )


class Gateway(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """HTTP in front of the topics, and the console."""

    host: Annotated[str, _doc("address; others than loopback need keys, or `open`")] = "127.0.0.1"
    port: Annotated[int, _doc("its port", ge=0, le=65535)] = 8080
    keys: Annotated[
        str,
        _doc(
            "NAME:SCOPES:sha256-HASH[:EXPIRES] as `headwater gateway key new` prints it, several separated by commas; "
            "SCOPES:KEY in plain text still works; scopes of events, catalogue, slates, admin joined by +"
        ),
    ] = ""
    keys_file: Annotated[str, _doc("file of further keys, one a line, read again when it changes; empty: none")] = ""
    token_secret: Annotated[
        str,
        _doc(
            "signs tokens of users, at least 32 characters, in the environment; several separated by commas: the first "
            "signs, all are accepted; empty: there are no tokens"
        ),
    ] = ""
    token_s: Annotated[
        float, _doc("seconds until a token expires, unless its request says otherwise", gt=0, le=7 * 86_400)
    ] = 3600.0
    hosts: Annotated[
        str,
        _doc(
            "names under which it is reached (the Host header), separated by commas; loopback is always one; empty: "
            "any name, but without keys on loopback only loopback's"
        ),
    ] = ""
    metrics_token: Annotated[
        str, _doc("for /metrics, as `Authorization: Bearer TOKEN`; empty: loopback only, or all if open")
    ] = ""
    open: Annotated[bool, _doc("serve everyone without keys, on any address")] = False
    workers: Annotated[
        str,
        _doc(
            "addresses of the workers' HTTP servers (http://host:6066), several separated by commas; a name stands for "
            "all of its addresses: for explanations"
        ),
    ] = ""
    rate: Annotated[float, _doc("requests per second of one key, or of one address without keys", gt=0)] = 5_000.0
    burst: Annotated[float, _doc("requests that may come at once", ge=1)] = 10_000.0
    max_body_bytes: Annotated[int, _doc("of a request", ge=1024, le=16 * 1024 * 1024)] = 1024 * 1024
    max_events: Annotated[int, _doc("of a request", ge=1, le=10_000)] = 1_000
    request_s: Annotated[
        float, _doc("seconds for the headers of a request to arrive, and again for its body; then 408", gt=0)
    ] = 10.0
    streams: Annotated[int, _doc("open streams of server-sent events", ge=1)] = 200
    streams_per_caller: Annotated[int, _doc("of them of one key, token or, without keys, address", ge=1)] = 50
    connections: Annotated[int, _doc("open at once; each takes about 20 KB", ge=10)] = 4_000
    connections_per_address: Annotated[int, _doc("of them of one address; behind a proxy all come from one", ge=1)] = (
        2_000
    )
    memory_mb: Annotated[
        float, _doc("for slates and items; beyond, those that were asked for longest ago are dropped", ge=64)
    ] = 4_000.0
    reasons: Annotated[
        str,
        _doc(
            "TOML file with the words of reasons, a table for each language (docs/gateway.md), read and checked at the "
            "start; empty: English"
        ),
    ] = ""
    lang: Annotated[str, _doc("language of reasons where a request asks for none", pattern=r"^[A-Za-z0-9-]{2,35}$")] = (
        "en"
    )
    after_s: Annotated[
        float, _doc("seconds that a request with `after` waits at most for a slate that knows the event", ge=0, le=30)
    ] = 2.0
    request_ms: Annotated[int, _doc("milliseconds for a new slate; then the last is the answer", ge=1, le=10_000)] = 250
    max_waiting: Annotated[int, _doc("requests for new slates at once; one more is refused", ge=1, le=100_000)] = 500
    stale_s: Annotated[float, _doc("age of a slate from which a read has a new one made; 0: never", ge=0)] = 0.0
    cors_origins: Annotated[str, _doc("origins whose pages may call it, separated by commas; empty: none")] = ""
    recent_events: Annotated[
        int, _doc("events of each type read at the start, for trending and similar items", ge=0)
    ] = 20_000
