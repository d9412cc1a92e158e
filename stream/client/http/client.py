"""The client that blocks, for programs without an event loop; threads may share one."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import wraps
from ssl import SSLContext
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from stream.client.http import calls
from stream.client.http.calls import Call, Reply
from stream.client.http.errors import GatewayError, NoAnswerError
from stream.client.http.exchange import Attempts, Exchange
from stream.client.http.messages import SILENT_S, Messages
from stream.client.http.retries import Patience, result_of
from stream.records.http.messages import Message

P = ParamSpec("P")
T = TypeVar("T")
NOT_SENT = (NewConnectionError, ConnectTimeoutError)


def _method(make: Callable[P, Call[T]]) -> Callable[Concatenate["Client", P], T]:
    """The method that sends what `make` makes."""

    @wraps(make)
    def send(client: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client.send(make(*args, **kwargs))

    return send


class Client:
    """A gateway, asked over connections that are kept.

    Parameters
    ----------
    url : of the gateway: `http://127.0.0.1:8080`
    key : a key, or a token of a user; empty: none
    patience : how long a call may take, all attempts together, and how often it is sent again
    connections : that are kept; more are opened when they are needed
    ssl_context : for https, if the system's certificates are not the right ones
    """

    def __init__(
        self, url: str, key: str = "", *, patience: Patience | None = None, connections: int = 10,
        ssl_context: SSLContext | None = None,
    ) -> None:  # fmt: skip
        self._exchange, self._ssl = Exchange(url, key, patience or Patience()), ssl_context
        self._pool = self._connections(connections)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def send(self, call: Call[T]) -> T:
        """Send a request, again where that may help, and return what its answer says.

        Raises
        ------
        ProblemError
            if the gateway refused it, or failed
        NoAnswerError
            if it was not reached, or did not answer in time
        """
        attempts = Attempts(self._exchange.patience)
        while True:
            try:
                answer = self._open(self._pool, call, urllib3.Timeout(total=attempts.left_s))
                return result_of(call, _reply(answer))
            except GatewayError as error:
                wait = attempts.pause(call, error)
            time.sleep(wait)

    def stream(
        self, topics: Iterable[str] = ("slate",), user: str | None = None, *, fields: Iterable[str] = (),
        lang: str | None = None,
    ) -> Iterator[Message]:  # fmt: skip
        """Messages as they happen: of `slate`, `event`, `outcome`, `stats`; of one user, or of all.

        A connection that is lost is made anew; messages of the time between are missed. `contextlib.closing` ends it.

        Raises
        ------
        ProblemError
            if the gateway refuses, also later: a key may expire
        NoAnswerError
            if it is not reached again
        """
        call = calls.stream(topics, user, fields=fields, lang=lang)
        attempts = Attempts(self._exchange.patience)
        while True:
            try:
                yield from self._follow(call)
            except GatewayError as error:
                wait = attempts.lost(call, error)
            time.sleep(wait)

    def _follow(self, call: Call[bytes]) -> Iterator[Message]:
        """The messages of one connection; ends with an error."""
        pool, timeout = self._connections(1), urllib3.Timeout(self._exchange.patience.timeout_s, SILENT_S)
        try:
            answer = self._open(pool, call, timeout, whole=False)
            if answer.status != 200:
                result_of(call, _reply(answer))
            messages = Messages()
            with closing(answer):
                for piece in answer.stream():
                    yield from messages.feed(piece)
        except HTTPError as error:
            raise NoAnswerError(f"{call.name}: lost: {error}", sent=True) from error
        finally:
            pool.close()
        raise NoAnswerError(f"{call.name}: the gateway ended it", sent=True)

    def _open(
        self, pool: urllib3.HTTPConnectionPool, call: Call[T], timeout: urllib3.Timeout, *, whole: bool = True
    ) -> urllib3.BaseHTTPResponse:  # fmt: skip
        """The answer to a request, its body read if `whole`."""
        exchange = self._exchange
        try:
            return pool.urlopen(
                call.method, exchange.prefix + call.path, call.body, exchange.headers | dict(call.headers),
                redirect=False, timeout=timeout, preload_content=whole,
            )  # fmt: skip
        except HTTPError as error:
            raise NoAnswerError(f"{call.name}: no answer: {error}", sent=not isinstance(error, NOT_SENT)) from error

    def _connections(self, most: int) -> urllib3.HTTPConnectionPool:
        secure = {} if self._ssl is None else {"ssl_context": self._ssl}
        return urllib3.connection_from_url(self._exchange.origin, maxsize=most, retries=False, **secure)

    recommendations = _method(calls.recommendations)
    explanation = _method(calls.explanation)
    list_users = _method(calls.list_users)
    get_user = _method(calls.get_user)
    put_user = _method(calls.put_user)
    patch_user = _method(calls.patch_user)
    forget = _method(calls.forget)
    search = _method(calls.search)
    list_items = _method(calls.list_items)
    similar = _method(calls.similar)
    get_item = _method(calls.get_item)
    put_item = _method(calls.put_item)
    patch_item = _method(calls.patch_item)
    drop_item = _method(calls.drop_item)
    write_events = _method(calls.write_events)
    issue_token = _method(calls.issue_token)
    healthz = _method(calls.healthz)
    readyz = _method(calls.readyz)
    metrics = _method(calls.metrics)
    openapi = _method(calls.openapi)


def _reply(answer: urllib3.BaseHTTPResponse) -> Reply:
    return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)
