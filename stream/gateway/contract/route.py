"""A route: all that is known of one request stands together, and the server and the OpenAPI document are made of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from stream.gateway.guard.authorise import Access
from stream.gateway.parameters import JSON, MERGE_PATCH
from stream.records.schemas import Id

Schema = Mapping[str, Any]
ID: Schema = msgspec.json.schema(Id)
MERGEABLE = (MERGE_PATCH, JSON)  # contents of a change


class Parameter(NamedTuple):
    """A parameter of the query, or a header that a request may have.

    Several values are repeated (`a=1&a=2`), or separated by commas (`a=1,2`) where `joined`.
    """

    name: str
    schema: Schema
    description: str
    example: Any = None
    joined: bool = False


class Body(NamedTuple):
    """A body, as JSON.

    Parameters
    ----------
    schema : its name, see `contract.schemas`
    examples : by name
    most : so many of them in a list will do too; 0: one only
    several : name of the schema of an object with several; empty: one only
    """

    schema: str
    examples: Mapping[str, Any]
    contents: tuple[str, ...] = (JSON,)
    most: int = 0
    several: str = ""


class Answer(NamedTuple):
    """What comes back.

    Parameters
    ----------
    records : of the JSON, one of them; none: any text, or any object
    headers : names of those that it has, see `contract.document`
    messages : records of a stream, by event
    """

    description: str
    records: tuple[type[Struct], ...] = ()
    examples: Mapping[str, Any] = {}
    headers: tuple[str, ...] = ()
    content: str | None = JSON  # None: there is nothing
    messages: Mapping[str, type[Struct]] = {}


class Route(NamedTuple):
    """A request: its method and path, who may send it, what it takes, what it answers, and its handler.

    Parameters
    ----------
    scope : of the key (`a+b`: both, `a|b`: one); empty: open to all
    own : whether a token of the user concerned will do
    weight : of a request, in the rate limit
    headers : that the handler reads
    answers : by status
    problems : status -> when; those that any request may get are added
    """

    method: str
    path: str
    handler: Any
    answers: Mapping[int, Answer]
    scope: str = ""
    own: bool = False
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: Mapping[int, str] = {}
    tag: str = "service"
    weight: float = 1.0

    @property
    def name(self) -> str:
        """Of the operation."""
        return str(self.handler.__name__)

    @property
    def access(self) -> Access:
        """What is needed."""
        return Access(self.scope, self.own, self.weight)

    @property
    def parameters(self) -> frozenset[str]:
        """The names of the parameters that the handler reads; all others are refused."""
        return frozenset(each.name for each in self.query)


def whole(low: int, high: int) -> Schema:
    """The schema of a whole number.

    >>> whole(1, 40)
    {'type': 'integer', 'minimum': 1, 'maximum': 40}
    """
    return {"type": "integer", "minimum": low, "maximum": high}


def list_of(items: Schema, most: int) -> Schema:
    """The schema of a list."""
    return {"type": "array", "items": items, "maxItems": most}
