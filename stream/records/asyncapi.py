"""Writes the contract for other tools: `deploy/asyncapi.yaml` (AsyncAPI 3.0) and `deploy/schemas`.

All of it comes from `schemas.py`, `requests.py`, `questions/records.py` and `topics.py`.
`python -m stream.records.asyncapi` writes the files, with `--check` it only compares them; the tests do the same. It
needs PyYAML, a development dependency: only `stream.gateway.contract`, when it writes its own file, may import it.
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import yaml
from msgspec import Struct
from msgspec.structs import replace

from stream.records.codec import encode
from stream.records.questions.records import ListedItem, Question, QuestionAnswer
from stream.records.requests import Request, Response
from stream.records.schemas import (
    DeadLetter,
    Event,
    Experiment,
    Guard,
    Item,
    Outcome,
    Profile,
    Recommendation,
    Slot,
    Variant,
    json_schema,
)
from stream.records.topics import (
    DEFAULT_PARTITIONS,
    INPUT_TOPICS,
    LOG,
    MODEL_SNAPSHOTS,
    TOPICS,
    USER_SNAPSHOTS,
    Topic,
)

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
BINDING = "0.5.0"  # version of AsyncAPI's Kafka bindings
LOG_MESSAGE = "LogMessage"
WIRE_RECORDS: tuple[type[Struct], ...] = (
    Event, Item, Profile, Recommendation, Outcome, Experiment, DeadLetter, Request, Response, Question, QuestionAnswer,
)  # fmt: skip

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
SLATE = Recommendation(
    user_id="u-42", decision_id="118.41.0", event_id="e-7001", timestamp=NOON, model_version=20_514,
    epoch=118, policy="q_learning",
    slots=[Slot("i-31", 0.42, "ranked", 0.925), Slot("i-5", 0.17, "popularity", 0.025)],
)  # fmt: skip
EXAMPLES: tuple[Struct, ...] = (
    Event(
        event_id="e-7001", user_id="u-42", item_id="i-9", timestamp=NOON, session_id="s-3",
        decision_id="118.40.2", price=24.9, quantity=1, context={"device": "phone", "country": "NL"},
    ),
    Item(
        item_id="i-9", title="Enamel mug", categories=["Mugs", "Kitchen"], price=24.9, list_price=29.9, tags=["blue"],
        link="https://shop.example/mugs/i-9", image="https://shop.example/pictures/i-9.jpg",
        attributes={"brand": "Emaille", "dishwasher": True}, expires_at=NOON + 90 * 86_400,
    ),
    Profile(user_id="u-42", attributes={"country": "NL", "newsletter": False}),
    SLATE,
    Outcome(
        user_id="u-42", decision_id="118.41.0", outcome="hit", reward=2.0, hit=1, event_id="e-7002",
        decided_at=NOON, settled_at=NOON + 31, policy="q_learning", items=["i-31", "i-5"],
        sources=["ranked", "popularity"], propensities=[0.925, 0.025], discount=0.0, state=4,
        offering=["ranked", "popularity"], offered_ranks=bytes([0, 128, 129, 0]),
        lists=bytes([0, 0, 2, 0, 1, 0, 255, 255]),
    ),
    Experiment(
        name="bolder", starts_at=NOON, ramp_s=86_400.0, holdout=0.02, guards=[Guard(metric="purchases", allowed=0.02)],
        variants=[
            Variant(name="control", share=0.49),
            Variant(name="bold", share=0.49, settings={"policy": {"name": "q_learning", "epsilon": 0.2}}),
        ],
    ),
    DeadLetter(
        topic="events.view", partition=5, offset=7_113, timestamp=NOON, reason="missing_field",
        detail="event: Object missing required field `item_id`", key=b"u-42",
        value=b'{"event_id": "e-7003", "user_id": "u-42", "timestamp": 1767268831}',
    ),
    Request(
        request_id="shop-1-77", user_id="u-42", k=10, exclude=["i-9"], timestamp=NOON + 3600, deadline_ms=250,
    ),
    Response(
        request_id="shop-1-77", user_id="u-42", status="fresh",
        recommendation=replace(SLATE, decision_id="118.57.3", event_id=None, timestamp=NOON + 3600),
    ),
    Question(request_id="shop-1-78", question="similar", of="i-9", k=12, deadline_ms=250),
    QuestionAnswer(
        request_id="shop-1-78", question="similar", status="answered", model_version=20_541,
        items=[ListedItem("i-31", 0.21, "covisitation"), ListedItem("i-5", 0.04, "content")],
    ),
)  # fmt: skip

OWN = (LOG, USER_SNAPSHOTS, MODEL_SNAPSHOTS)  # written and read by workers only


def document() -> dict[str, object]:
    """The AsyncAPI document, from headwater's side: it receives events and sends recommendations."""
    references, schemas = msgspec.json.schema_components(WIRE_RECORDS, ref_template="#/components/schemas/{name}")
    messages = {
        record.__name__: _message(record, payload, example)
        for record, payload, example in zip(WIRE_RECORDS, references, EXAMPLES, strict=True)
    }
    messages[LOG_MESSAGE] = {
        "summary": "headwater's own messages, see stream/records/log.py; not meant for others",
        "contentType": "application/msgpack",
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "headwater",
            "version": "1.0.0",
            "description": (
                "Events in, learned recommendations out. With a namespace, its name and a dot stand before every "
                "address. Partitions and replicas are defaults; topics keyed by user must have equal partition counts."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {"messages": messages, "schemas": schemas},
    }


def _message(record: type[Struct], payload: dict[str, object], example: Struct) -> dict[str, object]:
    keys = dict.fromkeys(topic.key for topic in TOPICS if topic.record is record)
    keys |= dict.fromkeys("none" for topic in TOPICS if topic.beside is record)
    if record is not Recommendation and len(keys) != 1:  # readers of several topics rely on it
        raise ValueError(f"topics: {record.__name__} must have one key; got {', '.join(keys)}")
    key = ", ".join(f"on {topic.name} {topic.key}" for topic in TOPICS if topic.record is record and len(keys) > 1)
    key = key or next(iter(keys))
    return {
        "summary": (record.__doc__ or "").splitlines()[0],
        "contentType": "application/json",
        "payload": payload,
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": BINDING}},
        "examples": [{"payload": json.loads(encode(example))}],
    }


def _channel(topic: Topic) -> dict[str, object]:
    settings: dict[str, object] = {
        key: [value] if key == "cleanup.policy" else int(value) for key, value in topic.config.items()
    }
    return {
        "address": topic.name,
        "description": topic.description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _message_names(topic)},
        "bindings": {
            "kafka": {
                "partitions": topic.partitions or DEFAULT_PARTITIONS,
                "replicas": 1,
                "topicConfiguration": settings,
                "bindingVersion": BINDING,
            }
        },
    }


def _operations() -> Iterator[tuple[str, dict[str, object]]]:
    for topic in TOPICS:
        for action in ("receive",) if topic in INPUT_TOPICS else ("send", "receive") if topic in OWN else ("send",):
            yield (
                f"{action}-{topic.name}",
                {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{topic.name}"},
                    "messages": [
                        {"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in _message_names(topic)
                    ],
                },
            )


def _message_names(topic: Topic) -> list[str]:
    if topic.record is None:
        return [LOG_MESSAGE]
    return [record.__name__ for record in (topic.record, topic.beside) if record is not None]


class _Dumper(yaml.SafeDumper):
    """Block YAML without anchors: equal parts are written out."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def to_yaml(value: object) -> str:
    r"""Plain data as block YAML, keys in their order.

    >>> to_yaml({"tags": ["a", {"b.c": None}], "to let": {}})
    'tags:\n- a\n- b.c: null\nto let: {}\n'
    """
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def files() -> dict[Path, str]:
    """Every generated file with what it must hold."""
    origin = (
        "# Generated by `python -m stream.records.asyncapi` from schemas.py, requests.py and topics.py beside it.\n"
    )
    generated = {DEPLOY / "asyncapi.yaml": origin + to_yaml(document())}
    for record in WIRE_RECORDS:
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", record.__name__).lower()
        schema = json.dumps(json_schema(record), indent=2, ensure_ascii=False)
        generated[DEPLOY / "schemas" / f"{name}.schema.json"] = schema + "\n"
    return generated


def main(arguments: Sequence[str]) -> str | None:
    """Write the files, or with `--check` compare them; returns the reason to fail."""
    generated = files()
    if "--check" not in arguments:
        (DEPLOY / "schemas").mkdir(parents=True, exist_ok=True)
        for path, text in generated.items():
            path.write_text(text, encoding="utf-8")
    stale = [str(path) for path, text in generated.items() if not path.is_file() or path.read_text("utf-8") != text]
    return f"not current: {', '.join(stale)}; run `python -m stream.records.asyncapi`" if stale else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
