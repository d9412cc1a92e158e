"""A request as a value, and what its parts are made of."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

T = TypeVar("T")
R = TypeVar("R", bound=Struct)
JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"


class Reply(NamedTuple):
    """An answer as it came; the names of `headers` in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Versioned(NamedTuple, Generic[T]):
    """A record, and the name of this version of it, for `if_match`."""

    record: T
    etag: str


class Call(NamedTuple, Generic[T]):
    """A request."""

    method: str
    path: str  # with the query
    read: Callable[[Reply], T]
    body: bytes | None = None
    headers: Mapping[str, str] = {}
    repeatable: bool = True

    @property
    def name(self) -> str:
        """Method and path, for errors."""
        return f"{self.method} {self.path.partition('?')[0]}"


def in_path(text: str) -> str:
    """An id in a path; `.` and `..` would be other paths.

    >>> in_path("sofa, red/2"), in_path("..")
    ('sofa%2C%20red%2F2', '%2E%2E')
    """
    return "%2E" * len(text) if text in (".", "..") else quote(text, safe="")


def query_of(**values: Any) -> str:
    """The query, without what is None; several values are repeated.

    >>> query_of(k=5, user=None, exclude=["a,b", "c"])
    '?k=5&exclude=a%2Cb&exclude=c'
    """
    pairs = {
        name: value if isinstance(value, str | int) else list(value)
        for name, value in values.items() if value is not None
    }  # fmt: skip
    text = urlencode(pairs, doseq=True)
    return f"?{text}" if text else ""


def joined(values: Iterable[str]) -> str | None:
    """Values of one parameter, separated by commas; None if there are none."""
    return ",".join(values) or None


def as_json(value: Any) -> bytes:
    """A body."""
    return msgspec.json.encode(value)


def headers_of(etag: str | None, content: str = JSON) -> dict[str, str]:
    """The headers of a body, and of a change that is for one version only."""
    return {"Content-Type": content} | ({} if etag is None else {"If-Match": etag})


def text_of(reply: Reply) -> str:
    """Read an answer in words."""
    return reply.body.decode()


def record_of(record: type[R]) -> Callable[[Reply], R]:
    """Read an answer as a record."""
    return lambda reply: msgspec.json.decode(reply.body, type=record)


def versioned_of(record: type[R]) -> Callable[[Reply], Versioned[R]]:
    """Read an answer as a record with its version."""
    return lambda reply: Versioned(msgspec.json.decode(reply.body, type=record), reply.headers.get("etag", ""))
