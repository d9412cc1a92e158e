"""How large a record may be: what Meta of `schemas` cannot say, for all that producers send."""

import numpy as np

from stream.records.schemas import MAX_PRICE, MAX_VECTOR_NUMBERS, Item

MAX_ITEM_BYTES = 256 * 1024  # of a record of the catalogue; text of 64 Ki characters and vectors fit
MAX_PROFILE_BYTES = 64 * 1024
MAX_DEPTH = 16  # of objects and lists in each other; the schemas need 3

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
    """What an item has too much of, in words; None: nothing."""
    numbers = sum(map(len, item.vectors.values()))
    if numbers > MAX_VECTOR_NUMBERS:
        return f"`vectors` must hold at most {MAX_VECTOR_NUMBERS} numbers in all; got {numbers}"
    if item.price is not None and not item.price <= MAX_PRICE:
        return f"`price` must be at most {MAX_PRICE:g}; got {item.price!r}"
    return None
