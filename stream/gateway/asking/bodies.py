"""The body of a request for slates: one, or several at once, of which each is checked by itself."""

from typing import TypeVar

import msgspec
from msgspec import Struct

from stream.gateway.parameters import MANY
from stream.gateway.problems import Problem
from stream.records import ids
from stream.records.http.asked import MAX_REQUESTS, SlateRequest
from stream.records.requests import condition_at
from stream.records.unknown import nearest

T = TypeVar("T")


class _Several(Struct, forbid_unknown_fields=True):
    requests: list[msgspec.Raw]


_SEVERAL = msgspec.json.Decoder(_Several)
_ANY = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ONE = msgspec.json.Decoder(SlateRequest)


def requests_of(body: bytes) -> tuple[list[msgspec.Raw], bool]:
    """The requests of a body, unread, and whether they came as several.

    Raises
    ------
    Problem
        400, 413, 422
    """
    if body.count(b",") > MANY:
        raise Problem(413, f"the body must hold at most {MANY} commas; it has more")
    given = _decoded(_ANY, body)
    if "requests" not in given:
        return [msgspec.Raw(body)], False
    found = _decoded(_SEVERAL, body).requests
    if not 0 < len(found) <= MAX_REQUESTS:
        raise Problem(422, f"requests: must be 1 to {MAX_REQUESTS}; got {len(found)}")
    return found, True


def request_of(document: bytes) -> SlateRequest:
    """One request, checked.

    Raises
    ------
    Problem
        422
    """
    found = _decoded(_ONE, document)
    if wrong := ids.fault(found.user_id):
        raise Problem(422, f"user_id: {wrong}", reason="bad_id")
    if fault := found.fault():
        raise Problem(422, fault[1], reason=fault[0])
    return found


def _decoded(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        _, unknown, name = str(error).partition("contains unknown field `")
        near = nearest(name.partition("`")[0], SlateRequest.__struct_encode_fields__) if unknown else ""
        about = condition_at(str(error).rpartition("at `$.")[2], body) or near
        raise Problem(422, f'the body must be like {{"user_id": "ada", "k": 5}}: {error}{about}') from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"the body must be a JSON object: {error}") from error
