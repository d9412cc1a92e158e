"""What both clients have: the address, the headers of every request, and the pauses of a stream."""

import random
import time
from typing import Any
from urllib.parse import urlsplit

from stream.client.http.call import Call
from stream.client.http.errors import GatewayError
from stream.client.http.retries import LONGEST_S, Patience


class Exchange:
    """With one gateway.

    Parameters
    ----------
    url : of the gateway: `http://127.0.0.1:8080`; a proxy may have it under a path
    key : a key, or a token of a user; empty: none

    >>> exchange = Exchange("https://shop.example/headwater/", "hw_secret", Patience())
    >>> exchange.origin, exchange.prefix, exchange.headers
    ('https://shop.example', '/headwater', {'Authorization': 'Bearer hw_secret'})

    Raises
    ------
    ValueError
        for an address that is none of HTTP
    """

    def __init__(self, url: str, key: str, patience: Patience) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"url: must be like http://127.0.0.1:8080; got {url!r}")
        self.origin, self.prefix = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.patience = patience


class Attempts:
    """The attempts of one call, or of a stream, whose time is that of each connection."""

    def __init__(self, patience: Patience) -> None:
        self._patience, self._failed = patience, 0
        self._began = time.monotonic()

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return max(0.001, self._patience.timeout_s - (time.monotonic() - self._began))

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() - self._began > self._patience.timeout_s

    def pause(self, call: Call[Any], error: GatewayError) -> float:
        """Seconds until the next attempt; raises the error if there is none."""
        wait = self._patience.pause(call, error, self._failed, self.left_s, random.random())
        if wait is None:
            raise error
        self._failed += 1
        return wait

    def lost(self, call: Call[Any], error: GatewayError) -> float:
        """The same, of a stream: one that lasted starts anew."""
        if time.monotonic() - self._began > LONGEST_S:
            self._failed = 0
        self._began = time.monotonic()
        wait = self.pause(call, error)
        self._began += wait
        return wait
