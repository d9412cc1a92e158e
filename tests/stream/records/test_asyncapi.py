"""The generated contract is current, hangs together, and says what the codec does."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stream.records.asyncapi import DEPLOY, EXAMPLES, NOON, OWN, WIRE_RECORDS, document, files, to_yaml
from stream.records.codec import decode_event, decode_item, decode_profile, encode
from stream.records.schemas import Event, Item, Profile, json_schema
from stream.records.topics import DEAD, EVENT_TOPICS, EXPERIMENTS, INPUT_TOPICS, LOG, MODEL_SNAPSHOTS, TOPICS

DOCUMENT: Any = yaml.safe_load((DEPLOY / "asyncapi.yaml").read_text("utf-8"))
TEXT = st.text(alphabet="ab é 0:#-$'\"\n\\{[&*!|>%@`,", min_size=1, max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, -1767268831.25]) | TEXT
PLAIN = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


def nodes(value: Any) -> Iterator[Any]:
    yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


def resolve(reference: str) -> Any:
    where = DOCUMENT
    root, *path = reference.split("/")
    assert root == "#"
    for step in path:
        where = where[step]
    return where


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_file_is_current(path: Path) -> None:
    assert path.read_text("utf-8") == files()[path], "run `python -m stream.records.asyncapi`"


def test_no_schema_is_left_over() -> None:
    assert set((DEPLOY / "schemas").iterdir()) == {path for path in files() if path.parent.name == "schemas"}


@pytest.mark.parametrize("seed", ["0", "1"])
def test_check_does_not_depend_on_the_hash_seed(seed: str) -> None:
    command = [sys.executable, "-m", "stream.records.asyncapi", "--check"]
    done = subprocess.run(
        command, env={"PYTHONHASHSEED": seed}, cwd=DEPLOY.parent, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_yaml_says_what_the_document_says() -> None:
    assert document() == DOCUMENT


@given(st.dictionaries(TEXT, PLAIN, min_size=1, max_size=3))
def test_yaml_is_read_back(value: dict[str, object]) -> None:
    assert yaml.safe_load(to_yaml(value)) == value


def test_required_structure() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    known = {"asyncapi", "info", "servers", "defaultContentType", "channels", "operations", "components"}
    assert DOCUMENT.keys() <= known
    assert [channel["address"] for channel in DOCUMENT["channels"].values()] == [topic.name for topic in TOPICS]
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["channel"].keys() == {"$ref"}
        # AsyncAPI 3.0: an operation's messages are references to messages of its own channel.
        own = operation["channel"]["$ref"] + "/messages/"
        assert all(message["$ref"].startswith(own) for message in operation["messages"])


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for node in nodes(DOCUMENT) if isinstance(node, dict) and "$ref" in node]
    assert len(references) > 2 * len(TOPICS)
    for reference in references:
        assert resolve(reference)


def test_every_component_is_used() -> None:
    used = {node["$ref"] for node in nodes(DOCUMENT) if isinstance(node, dict) and "$ref" in node}
    for kind, components in DOCUMENT["components"].items():
        assert {f"#/components/{kind}/{name}" for name in components} <= used


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_channel_is_the_topic(topic: Any) -> None:
    kafka = DOCUMENT["channels"][topic.name]["bindings"]["kafka"]
    assert kafka["partitions"] == (1 if topic in (DEAD, EXPERIMENTS, LOG, MODEL_SNAPSHOTS) else 8)
    settings = {key: ",".join(v) if isinstance(v, list) else str(v) for key, v in kafka["topicConfiguration"].items()}
    assert settings == topic.config
    actions = [o["action"] for o in DOCUMENT["operations"].values() if o["channel"]["$ref"].endswith(f"/{topic.name}")]
    receives, sends = (
        topic.name.startswith(("events.", "catalog.", "experiments", "requests")) and topic is not DEAD,
        topic not in INPUT_TOPICS,
    )
    assert actions == ["send"] * sends + ["receive"] * (receives or topic in OWN)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_example_is_valid(example: msgspec.Struct) -> None:
    record = type(example)
    validator = jsonschema.Draft202012Validator(json_schema(record))
    validator.check_schema(validator.schema)
    wire = msgspec.json.decode(encode(example))
    validator.validate(wire)
    assert DOCUMENT["components"]["messages"][record.__name__]["examples"] == [{"payload": wire}]
    assert msgspec.json.decode(encode(example), type=record) == example
    assert not list(jsonschema.Draft202012Validator(json_schema(record)).iter_errors(wire | {"a newer field": 1}))
    for field in json_schema(record)["$defs"][record.__name__]["required"]:  # type: ignore[index]  # it is JSON
        assert not validator.is_valid({key: value for key, value in wire.items() if key != field})


def test_there_is_an_example_of_every_record() -> None:
    assert tuple(type(example) for example in EXAMPLES) == WIRE_RECORDS


def test_codec_takes_the_examples() -> None:
    event, item, profile = EXAMPLES[:3]
    assert isinstance(event, Event)
    assert isinstance(item, Item)
    assert isinstance(profile, Profile)
    for kind in EVENT_TOPICS:
        assert decode_event(kind, event.user_id.encode(), encode(event), NOON) == event
    assert decode_item(item.item_id.encode(), encode(item)) == item
    assert decode_profile(profile.user_id.encode(), encode(profile)) == profile
