"""What comes in a request: ids, counts, texts and bodies, each with a bound that is checked before any work is done."""

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import web

from stream.gateway.guard.tokens import MAX_S
from stream.gateway.problems import Problem
from stream.records import ids
from stream.records.codec import Rejection
from stream.records.limits import MAX_DEPTH, too_deep
from stream.records.numbers import whole
from stream.records.schemas import HOME, MAX_ID_BYTES, Id

MAX_EXCLUDED = 200  # ids of `exclude`
MAX_SEPARATORS = 1_000  # commas and ampersands of a query, before it is taken apart
MAX_TEXT = 200  # characters of a search
MANY = 20_000  # commas or objects of a body: with more, it is looked at twice before anything is made of it
JSON, MERGE_PATCH = "application/json", "application/merge-patch+json"  # RFC 7396
BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Wanted(NamedTuple):
    """A token that is asked for."""

    user_id: str
    seconds: float


class _AnyObject(msgspec.Struct):
    """Any JSON object; its fields are skipped."""


class TokenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Whom a token is for, and for how long."""

    user_id: Annotated[str, msgspec.Meta(extra_json_schema=msgspec.json.schema(Id))]
    seconds: Annotated[float, msgspec.Meta(extra_json_schema={"minimum": 1, "maximum": MAX_S})] | None = None


_TOKEN_REQUEST = msgspec.json.Decoder(TokenRequest)
_ANY = msgspec.json.Decoder(msgspec.Raw)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(list[_AnyObject])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def id_of(request: web.Request, name: str, *, deleting: bool = False) -> str:
    """The id in the path; what is to be deleted may be of before the rule for ids."""
    _require_text(request)
    text = request.match_info[name]
    if text in (".", ".."):
        raise Problem(422, f"{name}: must not be {text!r}, which means another path")
    return checked_id(text, name, fault=ids.length_fault if deleting else ids.fault)


def _require_text(request: web.Request) -> None:
    """Refuse percent-encodings that are broken or are not UTF-8, instead of guessing what they mean."""
    try:
        unquote_to_bytes(request.raw_path).decode()
        whole = BROKEN.search(request.raw_path) is None
    except UnicodeError:
        whole = False
    if not whole:
        raise Problem(400, f"the address must be percent-encoded UTF-8; got {request.raw_path[:100]!r}")


def checked_id(text: str, name: str, fault: Callable[[str], str] = ids.fault) -> str:
    """An id, if it can be one.

    Raises
    ------
    Problem
        422 for what is no id, see `stream.records.ids`
    """
    if wrong := fault(text):
        raise Problem(422, f"{name}: {wrong}", reason="bad_id")
    return text


def text_of(request: web.Request, name: str, default: str = "") -> str:
    """A parameter of the query, which may be given once; where it is absent, the default."""
    _require_text(request)
    given = request.query.getall(name, [default])
    if len(given) > 1:
        raise Problem(422, f"{name}: must be given once; got {len(given)}")
    if CONTROL.search(given[0]) or len(given[0]) > MAX_TEXT + MAX_ID_BYTES:
        most = MAX_TEXT + MAX_ID_BYTES
        raise Problem(422, f"{name}: must have no control characters, at most {most} others; got {given[0][:40]!r}")
    return given[0]


def checked_placement(name: str, configured: Iterable[str]) -> str:
    """The name of a placement, home's or a configured one.

    >>> checked_placement("home", ["cart"])
    'home'
    """
    known = HOME, *configured
    if name not in known:
        raise Problem(422, f"placement: must be one of {', '.join(known)}; got {name[:40]!r}", reason="placement")
    return name


def searched(request: web.Request) -> str:
    """The text of a search."""
    text = text_of(request, "query")
    if len(text) > MAX_TEXT:
        raise Problem(422, f"query: must have at most {MAX_TEXT} characters; got {len(text)}")
    return text


def count_of(request: web.Request, limit: int) -> int:
    """The parameter `k`: how many items."""
    return whole_of(request, "k", limit, min(20, limit))


def whole_of(request: web.Request, name: str, most: int, usual: int) -> int:
    """A parameter that is a whole number from 1 to `most`; `usual` where it is absent, but not where it is empty."""
    text = text_of(request, name, str(usual))
    try:
        return whole(text, 1, most)
    except ValueError as error:
        raise Problem(422, f"{name}: {error}" + ("" if text else f": leave {name} out for {usual}")) from None


def excluded(request: web.Request, known: Callable[[str], bool]) -> frozenset[str]:
    """The ids of all parameters `exclude`; `known` says whether an item has an id, see `ids.in_query`."""
    _require_text(request)
    query = request.raw_path.partition("?")[2]  # as sent: `request.query` does not tell `%2C` from `,`
    if query.count(",") + query.upper().count("%2C") + query.count("&") > MAX_SEPARATORS:
        raise Problem(422, f"exclude: must name at most {MAX_EXCLUDED} items; got more than {MAX_SEPARATORS}")
    try:
        found = frozenset(ids.in_query(query, "exclude", known))
    except ValueError as error:
        raise Problem(422, str(error), reason="bad_id") from None
    if len(found) > MAX_EXCLUDED:
        raise Problem(422, f"exclude: must name at most {MAX_EXCLUDED} items; got {len(found)}")
    return found


async def body_of(request: web.Request, within_s: float, max_bytes: int) -> bytes:
    """The body; it must be declared as JSON, which browsers send to other origins only after a preflight.

    Raises
    ------
    Problem
        408 if it does not arrive in time, 413 if it is too large, 415 if it is something else
    """
    kinds = (JSON, MERGE_PATCH) if request.method == "PATCH" else (JSON,)
    if request.content_type not in kinds:
        got = f"Content-Type: must be {' or '.join(kinds)}; got {request.content_type[:100]}"
        raise Problem(415, got, headers={"Accept-Patch": ", ".join(kinds)} if len(kinds) > 1 else {})
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding != "identity":
        raise Problem(
            415, f"Content-Encoding: the body must not be compressed; got {coding[:100]!r}",
            headers={"Accept-Encoding": "identity", "Connection": "close"},
        )  # fmt: skip
    too_large = Problem(413, f"the body must have at most {max_bytes} bytes", headers={"Connection": "close"})
    if (request.content_length or 0) > max_bytes:
        raise too_large
    try:
        async with asyncio.timeout(within_s):
            body = await request.read()
    except TimeoutError:
        raise Problem(408, f"the body must arrive within {within_s:g} s") from None
    except ConnectionError:
        raise Problem(400, "the connection ended before the body") from None
    except web.RequestPayloadError as error:
        raise Problem(400, f"the body cannot be read: {error}", headers={"Connection": "close"}) from error
    if len(body) > max_bytes:
        raise too_large
    return body


def events_of(body: bytes, limit: int) -> list[msgspec.Raw]:
    """The events of a body: one, or a list of them."""
    refused = "the body must be an event or a list of events as JSON"
    try:
        body.decode()
        if max(body.count(b"{"), body.count(b"[")) > MANY + limit:
            raise Problem(413, f"the body must hold at most {MANY + limit} objects and as many lists; it has more")
        if body.lstrip()[:1] != b"[":
            return [_ANY.decode(body)]
        if body.count(b",") > MANY:
            _OBJECTS.decode(body)  # fails at the first element that is no object, before half a million are made
        documents = _LIST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"{refused}: {error}") from error
    if not 0 < len(documents) <= limit:
        raise Problem(413 if documents else 422, f"a list must hold 1 to {limit} events; got {len(documents)}")
    return documents


def token_request(body: bytes, default_s: float, most_s: float) -> Wanted:
    """The user and the seconds of a token that is asked for."""
    try:
        asked = _TOKEN_REQUEST.decode(body)
    except msgspec.ValidationError as error:
        raise Problem(422, f'the body must be like {{"user_id": "ada", "seconds": 3600}}: {error}') from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body must be a JSON object: {error}") from error
    seconds = default_s if asked.seconds is None else asked.seconds
    if not 1.0 <= seconds <= most_s:
        raise Problem(422, f"seconds: must be from 1 to {most_s:g}; got {seconds:g}")
    return Wanted(checked_id(asked.user_id, "user_id"), seconds)


def with_id(body: bytes, field: str, request: web.Request) -> bytes:
    """The document with the id of the path; it may leave the id out but not name another."""
    try:
        body.decode()
        if too_deep(body):
            raise Problem(422, f"the body: objects and lists must stand at most {MAX_DEPTH} deep in each other")
        found = _FIELDS.decode(body)
    except msgspec.ValidationError:
        kind = type(msgspec.json.decode(body)).__name__
        raise Problem(422, f"the body must be a JSON object; got {kind}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body must be a JSON object: {error}") from error
    wanted = request.match_info[field]
    given = _text(bytes(found.setdefault(field, msgspec.Raw(msgspec.json.encode(wanted)))))
    if given != wanted:
        raise Problem(422, f"{field}: must be that of the path, {wanted!r}; got {repr(given)[:100]}")
    return msgspec.json.encode(found)


def _text(value: bytes) -> Any:
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return None


def raise_rejection(decoded: Any) -> None:
    """Refuse a record that the topic would refuse."""
    if isinstance(decoded, Rejection):
        status = 413 if decoded.reason == "too_large" else 422
        raise Problem(status, decoded.detail, reason=decoded.reason)
