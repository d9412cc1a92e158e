"""How large a record may be: what Meta of `schemas` cannot say, for all that producers send."""

import re
from collections.abc import Iterable

import numpy as np

from stream.records.schemas import (
    MAX_ATTRIBUTES,
    MAX_CATEGORIES,
    MAX_IMAGES,
    MAX_KEY,
    MAX_LINK,
    MAX_PRICE,
    MAX_TAGS,
    MAX_TEXT,
    MAX_TITLE,
    MAX_VALUE,
    MAX_VECTOR,
    MAX_VECTOR_NUMBERS,
    MAX_VECTORS,
    MAX_WORD,
    Item,
)

MAX_ITEM_BYTES = 256 * 1024  # of a record of the catalogue; text of 64 Ki characters and vectors fit
MAX_PROFILE_BYTES = 64 * 1024
MAX_DEPTH = 16  # of objects and lists in each other; the schemas need 3

# A host, then no white space, control character, quote or bracket: it can stand in an attribute of a page as it is.
_LINK = re.compile(
    r"https?://[^\s\x00-\x20\x7f-\x9f/?#\"'<>\\^`{|}]+[^\s\x00-\x20\x7f-\x9f\"'<>\\^`{|}]*", re.IGNORECASE
)

_SIGNS = b'[]{}"'
_OTHERS = bytes(set(range(256)) - set(_SIGNS))
_STEP = np.zeros(256, np.int8)
_STEP[[ord("["), ord("{")]] = 1
_STEP[[ord("]"), ord("}")]] = -1


def too_deep(document: bytes) -> bool:
    """Whether objects and lists of a JSON document stand in each other deeper than `MAX_DEPTH`.

    Almost all documents have so few brackets that counting them is enough.

    >>> too_deep(b"[" * 300 + b"]" * 300), too_deep(b'{"title": "[[[[[[[[[[[[[[[[[[[[["}')
    (True, False)
    """
    if document.count(b"[") + document.count(b"{") <= MAX_DEPTH:
        return False
    unescaped = document.replace(b"\\\\", b"").replace(b'\\"', b"")
    signs = np.frombuffer(unescaped.translate(None, _OTHERS), np.uint8)
    outside = np.cumsum(signs == ord('"'), dtype=np.int32) % 2 == 0
    depths = np.cumsum(_STEP[signs] * outside, dtype=np.int32)
    return int(depths.max(initial=0)) > MAX_DEPTH


def excess(item: Item) -> str | None:
    """What an item has too much of, in words; None: nothing.

    >>> excess(Item(item_id="i", tags=["x" * 300]))
    'each of `tags` must have at most 256 characters; got 300'
    """
    texts = [value for value in item.attributes.values() if isinstance(value, str)]
    numbers = sum(map(len, item.vectors.values()))
    named = (("link", item.link), ("image", item.image), *(("images", each) for each in item.images))
    links = [link for _, link in named if link is not None]
    for what, found, most, unit in (
        ("`title` must have", len(item.title or ""), MAX_TITLE, "characters"),
        ("`text` must have", len(item.text or ""), MAX_TEXT, "characters"),
        ("each of `link`, `image`, `images` must have", _longest(links), MAX_LINK, "characters"),
        ("`images` must hold", len(item.images), MAX_IMAGES, "of them"),
        ("`categories` must hold", len(item.categories), MAX_CATEGORIES, "of them"),
        ("each of `categories` must have", _longest(item.categories), MAX_WORD, "characters"),
        ("`tags` must hold", len(item.tags), MAX_TAGS, "of them"),
        ("each of `tags` must have", _longest(item.tags), MAX_WORD, "characters"),
        ("`attributes` must hold", len(item.attributes), MAX_ATTRIBUTES, "of them"),
        ("each key of `attributes` must have", _longest(item.attributes), MAX_KEY, "characters"),
        ("each text of `attributes` must have", _longest(texts), MAX_VALUE, "characters"),
        ("`vectors` must hold", len(item.vectors), MAX_VECTORS, "of them"),
        ("each key of `vectors` must have", _longest(item.vectors), MAX_KEY, "characters"),
        ("each of `vectors` must have", max(map(len, item.vectors.values()), default=0), MAX_VECTOR, "numbers"),
        ("`vectors` must hold", numbers, MAX_VECTOR_NUMBERS, "numbers in all"),
    ):
        if found > most:
            return f"{what} at most {most} {unit}; got {found}"
    for name, link in named:
        if link is not None and _LINK.fullmatch(link) is None:
            return f"`{name}` must be an address that begins with http:// or https://; got {link[:60]!r}"
    for name, price in (("price", item.price), ("list_price", item.list_price)):
        if price is not None and price > MAX_PRICE:
            return f"`{name}` must be at most {MAX_PRICE:g}; got {price!r}"
    return None


def _longest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)
