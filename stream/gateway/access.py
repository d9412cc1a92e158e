"""Who may do what, and how often: keys with scopes, and a bucket of tokens for each."""

import hmac
import math
from collections import OrderedDict
from typing import NamedTuple

from stream.errors import UsageError

SCOPES = ("read", "write", "admin")
LEAST_KEY = 16  # characters
CALLERS = 10_000  # whose buckets are kept; a forgotten one is full again


class Caller(NamedTuple):
    """Who asks."""

    name: str  # of the bucket: a number of the key, or the address
    scopes: frozenset[str]


class Keys:
    """The keys, as configured: `read+write:KEY,admin:KEY`.

    Raises
    ------
    UsageError
        if that is not what was configured; keys are never repeated in messages
    """

    def __init__(self, text: str) -> None:
        self._keys: list[tuple[bytes, frozenset[str]]] = []
        for n, part in enumerate(filter(None, (part.strip() for part in text.split(","))), 1):
            scopes, separator, key = part.partition(":")
            found = frozenset(scopes.split("+"))
            if not separator or not found <= set(SCOPES) or len(key) < LEAST_KEY:
                raise UsageError(
                    f"gateway.keys: key {n}: must be SCOPES:KEY with scopes of {', '.join(SCOPES)} joined by + and at "
                    f"least {LEAST_KEY} characters of key"
                )
            self._keys.append((key.encode(), found))

    def __bool__(self) -> bool:
        return bool(self._keys)

    def caller(self, key: str | None, address: str) -> Caller | None:
        """Whom a key belongs to, None if to nobody; without any keys everybody may do everything.

        Every key is compared in full, so the time that it takes tells nothing of them.
        """
        if not self._keys:
            return Caller(address, frozenset(SCOPES))
        given, found = (key or "").encode(), None
        for n, (known, scopes) in enumerate(self._keys):
            if hmac.compare_digest(known, given):
                found = Caller(f"key {n + 1}", scopes)
        return found


class Buckets:
    """Tokens of each caller: `rate` a second come in, up to `burst`; a request takes one.

    >>> buckets = Buckets(rate=1.0, burst=2.0)
    >>> [buckets.take("ada", now) for now in (0.0, 0.0, 0.0, 1.5)]
    [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, as of when

    def take(self, name: str, now: float) -> float:
        """Take one; 0 if there was one, else the seconds until there will be."""
        tokens, at = self._left.get(name, (self.burst, now))
        tokens = min(self.burst, tokens + (now - at) * self.rate)
        wait = 0.0 if tokens >= 1.0 else math.ceil((1.0 - tokens) / self.rate)
        self._left[name] = (tokens - 1.0 if wait == 0.0 else tokens), now
        self._left.move_to_end(name)
        if len(self._left) > CALLERS:
            self._left.popitem(last=False)
        return float(wait)
