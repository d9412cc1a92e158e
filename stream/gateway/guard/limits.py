"""How often a caller may ask, how many streams they may hold, and how often an address may be wrong about its key."""

import math
from collections import Counter
from typing import NamedTuple

from cachetools import LRUCache

MAX_CALLERS = 10_000  # that are remembered; a caller who was dropped starts anew
FREE_ATTEMPTS = 10  # wrong keys of an address without a wait
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0  # doubled by each wrong key beyond
FORGIVEN_S = 900.0  # after the last wrong key
TRUSTED_S = 600.0  # an address that had a right key so recently is not locked out by the mistakes of its neighbours


class Buckets:
    """A token bucket for each caller: `rate` tokens a second, at most `burst`; a request takes one, or several.

    >>> buckets = Buckets(rate=1.0, burst=2.0)
    >>> [buckets.take("ada", now) for now in (0.0, 0.0, 0.0, 1.5)]
    [0.0, 0.0, 1.0, 0.0]
    """

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.policy = f'"default";q={burst:.0f};w={max(1, math.ceil(burst / rate))}'  # see `quota`
        self._left: LRUCache[str, tuple[float, float]] = LRUCache(MAX_CALLERS)  # tokens, and when they were counted

    def take(self, name: str, now: float, cost: float = 1.0) -> float:
        """Take tokens, at most all: 0 if there were so many, else the whole seconds until there will be."""
        cost = min(cost, self.burst)
        tokens, at = self._left.get(name, (self.burst, now))
        tokens = min(self.burst, tokens + (now - at) * self.rate)
        wait = 0.0 if tokens >= cost else math.ceil((cost - tokens) / self.rate)
        self._left[name] = (tokens - cost if wait == 0.0 else tokens), now
        return float(wait)

    def quota(self, name: str, now: float) -> str:
        """What is left to a caller, as the header `RateLimit`: whole tokens, and seconds until all are there again.

        After the IETF draft "RateLimit header fields for HTTP"; `policy` is its `RateLimit-Policy`: the burst, and the
        seconds in which it comes back.

        >>> buckets = Buckets(rate=2.0, burst=10.0)
        >>> buckets.take("ada", 0.0), buckets.quota("ada", 0.1), buckets.policy
        (0.0, '"default";r=9;t=1', '"default";q=10;w=5')
        """
        tokens, at = self._left.get(name, (self.burst, now))
        tokens = min(self.burst, tokens + (now - at) * self.rate)
        return f'"default";r={int(tokens)};t={math.ceil((self.burst - tokens) / self.rate)}'


class _Record(NamedTuple):
    """What is known of an address; times in seconds of a steady clock."""

    wrong: int = 0
    last_wrong: float = -math.inf
    until: float = -math.inf
    last_right: float = -math.inf


class Attempts:
    """Wrong keys of each address: beyond `FREE_ATTEMPTS` each doubles the time until the next is looked at.

    >>> attempts = Attempts()
    >>> for _ in range(FREE_ATTEMPTS + 3):
    ...     attempts.wrong("10.0.0.1", 0.0)
    >>> attempts.wait("10.0.0.1", 1.0), attempts.wait("10.0.0.2", 1.0)
    (3.0, 0.0)
    """

    def __init__(self) -> None:
        self._records: LRUCache[str, _Record] = LRUCache(MAX_CALLERS)

    def wait(self, address: str, now: float) -> float:
        """Whole seconds until a key of this address is looked at again."""
        return float(math.ceil(max(0.0, self._records.get(address, _Record()).until - now)))

    def wrong(self, address: str, now: float) -> None:
        """The address sent a wrong key."""
        before = self._records.get(address, _Record())
        count = before.wrong + 1 if now - before.last_wrong < FORGIVEN_S else 1
        beyond = min(count - FREE_ATTEMPTS, 30)
        until = now + min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (beyond - 1)) if beyond > 0 else -math.inf
        self._records[address] = _Record(count, now, until, before.last_right)

    def right(self, address: str, now: float) -> None:
        """The address sent a right key."""
        self._records[address] = self._records.get(address, _Record())._replace(last_right=now)

    def trusted(self, address: str, now: float) -> bool:
        """Whether the address had a right key a short time ago."""
        return now - self._records.get(address, _Record()).last_right < TRUSTED_S


class Shares:
    """What each caller holds of something that is scarce, such as streams.

    >>> shares = Shares(2)
    >>> [shares.take("ada"), shares.take("ada"), shares.take("ada"), shares.take("ben")]
    [True, True, False, True]
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._held)

    def take(self, name: str) -> bool:
        """Take one, unless the caller holds `most` already."""
        if self._held.get(name, 0) >= self.most:
            return False
        self._held[name] += 1
        return True

    def give_back(self, name: str) -> None:
        """Give one back."""
        self._held[name] -= 1
        if self._held[name] <= 0:
            del self._held[name]
