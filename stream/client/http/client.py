"""The client that blocks, for programs without an event loop; threads may share one."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from ssl import SSLContext
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from stream.client.http import calls, list_calls
from stream.client.http.call import Call, Reply
from stream.client.http.errors import GatewayError, NoAnswerError
from stream.client.http.exchange import Attempts, Exchange
from stream.client.http.messages import SILENT_S, Messages
from stream.client.http.retries import Patience, result_of
from stream.records.http.messages import Message

P = ParamSpec("P")
T = TypeVar("T")
PIECE, MAX_PROBLEM = 65_536, 65_536  # bytes read at once, and of a refusal
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
                with self._opened(self._pool, call, urllib3.Timeout(total=attempts.left_s)) as answer:
                    reply = _reply(answer, b"".join(self._within(call, answer, attempts)))
                return result_of(call, reply)
            except GatewayError as error:
                wait = attempts.pause(call, error)
            time.sleep(wait)

    def stream(
        self, topics: Iterable[str] = ("slate",), user: str | None = None, *, fields: Iterable[str] = (),
        lang: str | None = None,
    ) -> Generator[Message, None, None]:  # fmt: skip
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
            with self._opened(pool, call, timeout) as answer:
                if answer.status != 200:
                    result_of(call, _reply(answer, answer.read(MAX_PROBLEM)))
                messages = Messages()
                for piece in _pieces(answer):
                    yield from messages.feed(piece)
        finally:
            pool.close()
        raise NoAnswerError(f"{call.name}: the gateway ended it", sent=True)

    @contextmanager
    def _opened(
        self, pool: urllib3.HTTPConnectionPool, call: Call[T], timeout: urllib3.Timeout
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """The answer to a request, its body not read yet; what fails with it is that no answer came."""
        exchange = self._exchange
        try:
            answer = pool.urlopen(
                call.method, exchange.prefix + call.path, call.body, exchange.headers | dict(call.headers),
                redirect=False, timeout=timeout, preload_content=False,
            )  # fmt: skip
            with closing(answer):
                yield answer
        except HTTPError as error:
            raise NoAnswerError(f"{call.name}: no answer: {error}", sent=not isinstance(error, NOT_SENT)) from error

    def _within(self, call: Call[T], answer: urllib3.BaseHTTPResponse, attempts: Attempts) -> Iterator[bytes]:
        """The body, in the time of the call: that of the socket begins anew with each piece."""
        for piece in _pieces(answer):
            if attempts.over:
                raise NoAnswerError(f"{call.name}: no answer: its body took too long", sent=True)
            yield piece

    def _connections(self, most: int) -> urllib3.HTTPConnectionPool:
        https = self._exchange.origin.startswith("https:")
        secure = {"ssl_context": self._ssl} if https and self._ssl is not None else {}
        return urllib3.connection_from_url(self._exchange.origin, maxsize=most, retries=False, **secure)

    recommendations = _method(calls.recommendations)
    recommend = _method(calls.recommend)
    recommend_several = _method(calls.recommend_several)
    explanation = _method(calls.explanation)
    list_users = _method(calls.list_users)
    get_user = _method(calls.get_user)
    put_user = _method(calls.put_user)
    patch_user = _method(calls.patch_user)
    forget = _method(calls.forget)
    search = _method(calls.search)
    list_items = _method(calls.list_items)
    similar = _method(list_calls.similar)
    also_bought = _method(list_calls.also_bought)
    popular = _method(list_calls.popular)
    rising = _method(list_calls.rising)
    latest = _method(list_calls.latest)
    audience = _method(list_calls.audience)
    similar_users = _method(list_calls.similar_users)
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


def _pieces(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The body, as it comes."""
    return iter(lambda: answer.read1(PIECE), b"")


def _reply(answer: urllib3.BaseHTTPResponse, body: bytes) -> Reply:
    return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)
