"""Nothing that a producer sends may be larger than what can be held for every item and user."""

import json
from typing import Any

import pytest

from stream.records.codec import Rejection, decode_event, decode_item, decode_profile, encode
from stream.records.limits import MAX_DEPTH, MAX_ITEM_BYTES, MAX_PROFILE_BYTES, too_deep
from stream.records.log import LOG_VERSION, Batch, ItemChange, decode_message, encode_message
from stream.records.schemas import Item

NOW = 1_700_000_000.0


def item(**fields: Any) -> Item | Rejection:
    return decode_item(b"i", json.dumps({"item_id": "i"} | fields).encode())


LARGEST: dict[str, tuple[Any, Any]] = {  # field -> the largest value, and one beyond it
    "title": ("x" * 1024, "x" * 1025),
    "text": ("x" * 65_536, "x" * 65_537),
    "link": ("http://" + "x" * 2041, "http://" + "x" * 2042),
    "image": ("https://" + "x" * 2040, "https://" + "x" * 2041),
    "images": (["https://shop.example/1.jpg"] * 10, ["https://shop.example/1.jpg"] * 11),
    "price": (1e12, 1.1e12),
    "list_price": (1e12, 1.1e12),
    "categories": (["x" * 256] * 64, ["x"] * 65),
    "tags": (["x" * 256] * 256, ["x" * 257]),
    "attributes": ({"k" * 128: "v" * 4096}, {"k" * 129: 1}),
    "vectors": ({"a": [0.5] * 4096, "b": [0.5] * 4096}, {"a": [0.5] * 4096, "b": [0.5] * 4096, "c": [1.0]}),
}


@pytest.mark.parametrize("field", LARGEST)
def test_each_field_of_an_item_has_a_largest_value(field: str) -> None:
    largest, beyond = LARGEST[field]
    assert isinstance(item(**{field: largest}), Item)
    found = item(**{field: beyond})
    assert isinstance(found, Rejection)
    assert found.reason == "out_of_range"
    assert field in found.detail


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("attributes", {"k": "v" * 4097}),
        ("attributes", {str(n): 1 for n in range(65)}),
        ("vectors", {str(n): [1.0] for n in range(17)}),
        ("vectors", {"a": [1.0] * 4097}),
        ("vectors", {"k" * 129: [1.0]}),
        ("categories", ["x" * 257]),
        ("tags", ["x"] * 257),
    ],
)
def test_parts_of_a_field_are_limited_too(field: str, value: Any) -> None:
    found = item(**{field: value})
    assert isinstance(found, Rejection)
    assert found.reason == "out_of_range"


@pytest.mark.parametrize("field", ["link", "image", "images"])
@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "data:image/png;base64,xx", "//shop.example/1.jpg", "/1.jpg", "ftp://shop.example/1", "",
        "http://", "https:///1.jpg", "https://shop.example/a b", "https://shop.example/\n", 'https://shop.example/"><b>',
        " https://shop.example", "shop.example",
    ],
)  # fmt: skip
def test_only_addresses_of_the_web_are_links(field: str, address: str) -> None:
    found = item(**{field: [address] if field == "images" else address})
    assert isinstance(found, Rejection)
    assert f"`{field}` must be an address that begins with http:// or https://" in found.detail
    for good in ("https://shop.example", "HTTP://shop.example:8080/a?b=c&d=%20#e", "https://läden.example/ü"):
        assert isinstance(item(**{field: [good] if field == "images" else good}), Item)


def test_half_a_million_numbers_are_too_large() -> None:
    found = item(vectors={"a": [0] * 500_000})
    assert isinstance(found, Rejection)
    assert (found.reason, found.detail) == ("too_large", f"item: must have at most {MAX_ITEM_BYTES} bytes; got 1500036")


def test_unknown_fields_count_too() -> None:
    assert item(padding="x" * MAX_ITEM_BYTES)[0] == "too_large"  # type: ignore[index]
    user = json.dumps({"user_id": "u", "padding": "x" * MAX_PROFILE_BYTES}).encode()
    assert decode_profile(b"u", user)[0] == "too_large"  # type: ignore[index]


def test_attributes_of_users_and_events_are_limited() -> None:
    for field, value in (("k" * 129, 1), ("k", "v" * 4097)):
        profile = decode_profile(b"u", json.dumps({"user_id": "u", "attributes": {field: value}}).encode())
        event = {"event_id": "e", "user_id": "u", "item_id": "i", "timestamp": NOW, "context": {field: value}}
        for found in (profile, decode_event("view", b"u", json.dumps(event).encode(), NOW)):
            assert isinstance(found, Rejection)
            assert found.reason == "out_of_range"


@pytest.mark.parametrize("depth", [1, MAX_DEPTH, MAX_DEPTH + 1, 300])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_depth_is_measured_outside_strings(depth: int, brackets: str) -> None:
    deep = ("[" * depth + "]" * depth).encode() if brackets == "[]" else b'{"a":' * depth + b"1" + b"}" * depth
    wide = b"[" + b",".join([b'{"a":"\\"]["}'] * 50) + b"]"
    assert too_deep(deep) is (depth > MAX_DEPTH)
    assert not too_deep(wide)
    assert not too_deep(b'"' + b"[" * 400 + b'"')


def test_an_old_log_with_a_larger_item_can_be_read() -> None:
    """The bounds came after the first logs: a worker that cannot read its log is down for good."""
    large = Item(item_id="i", title="x" * 5_000, tags=["t" * 500], attributes={"k" * 300: "v" * 9_000})
    batch = Batch(LOG_VERSION, "items/0", 0, 0, {}, 0.0, [ItemChange("i", large)])
    assert decode_message(encode_message(batch), 1) == batch
    refused = decode_item(b"i", encode(large))
    assert isinstance(refused, Rejection)
    assert refused.detail == "item: `title` must have at most 1024 characters; got 5000"
