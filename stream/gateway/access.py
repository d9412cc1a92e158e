"""Who may do what, and how often: keys with scopes, and a token bucket for each caller."""

import hmac
import math
from typing import NamedTuple

from cachetools import LRUCache

from stream.errors import UsageError

SCOPES = ("read", "write", "admin")
MIN_KEY = 16  # characters
MAX_CALLERS = 10_000  # whose buckets are kept; a caller who was dropped starts with a full one


class Caller(NamedTuple):
    """Who sends a request."""

    name: str  # of the bucket: the number of the key, or the address
    scopes: frozenset[str]


class Keys:
    """The keys, as configured: `read+write:KEY,admin:KEY`.

    Raises
    ------
    UsageError
        for any other text; messages never repeat a key
    """

    def __init__(self, text: str) -> None:
        self._keys: list[tuple[bytes, frozenset[str]]] = []
        for n, part in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
            scopes, separator, key = part.partition(":")
            found = frozenset(scopes.split("+"))
            if not separator or not found <= set(SCOPES) or len(key) < MIN_KEY:
                raise UsageError(
                    f"gateway.keys: key {n}: must be SCOPES:KEY with scopes of {', '.join(SCOPES)} joined by + and at "
                    f"least {MIN_KEY} characters of key"
                )
            self._keys.append((key.encode(), found))

    def __bool__(self) -> bool:
        return bool(self._keys)

    def caller(self, key: str | None, address: str) -> Caller | None:
        """The caller with a key, None if the key is unknown; if no keys are configured, anybody with all scopes.

        Every key is compared in constant time, so the duration reveals nothing about them.
        """
        if not self._keys:
            return Caller(address, frozenset(SCOPES))
        given, found = (key or "").encode(), None
        for n, (known, scopes) in enumerate(self._keys):
            if hmac.compare_digest(known, given):
                found = Caller(f"key {n + 1}", scopes)
        return found


class Buckets:
    """A token bucket for each caller: `rate` tokens a second, at most `burst`; a request takes one.

    >>> buckets = Buckets(rate=1.0, burst=2.0)
    >>> [buckets.take("ada", now) for now in (0.0, 0.0, 0.0, 1.5)]
    [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._left: LRUCache[str, tuple[float, float]] = LRUCache(MAX_CALLERS)  # tokens, and when they were counted

    def take(self, name: str, now: float) -> float:
        """Take a token: 0 if there was one, else the whole seconds until there will be."""
        tokens, at = self._left.get(name, (self.burst, now))
        tokens = min(self.burst, tokens + (now - at) * self.rate)
        wait = 0.0 if tokens >= 1.0 else math.ceil((1.0 - tokens) / self.rate)
        self._left[name] = (tokens - 1.0 if wait == 0.0 else tokens), now
        return float(wait)
