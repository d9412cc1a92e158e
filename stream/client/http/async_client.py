"""The client for programs with an event loop: the same calls, awaited."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from functools import wraps
from ssl import SSLContext
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

import aiohttp
from yarl import URL

from stream.client.http import calls, list_calls
from stream.client.http.call import Call, Reply
from stream.client.http.errors import GatewayError, NoAnswerError
from stream.client.http.exchange import Attempts, Exchange
from stream.client.http.messages import SILENT_S, Messages
from stream.client.http.retries import Patience, result_of
from stream.records.http.messages import Message

P = ParamSpec("P")
T = TypeVar("T")
LOST = (aiohttp.ClientError, TimeoutError, OSError)
NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


def _method(make: Callable[P, Call[T]]) -> Callable[Concatenate["AsyncClient", P], Awaitable[T]]:
    """The method that sends what `make` makes."""

    @wraps(make)
    def send(client: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return client.send(make(*args, **kwargs))

    return send


class AsyncClient:
    """A gateway, asked over connections that are kept; to be used inside `async with`.

    Parameters
    ----------
    url : of the gateway: `http://127.0.0.1:8080`
    key : a key, or a token of a user; empty: none
    patience : how long a call may take, all attempts together, and how often it is sent again
    connections : that may be open at once, streams included
    ssl_context : for https, if the system's certificates are not the right ones
    """

    def __init__(
        self, url: str, key: str = "", *, patience: Patience | None = None, connections: int = 100,
        ssl_context: SSLContext | None = None,
    ) -> None:  # fmt: skip
        self._exchange = Exchange(url, key, patience or Patience())
        self._connections, self._ssl = connections, ssl_context
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=True if self._ssl is None else self._ssl)
        self._session = aiohttp.ClientSession(connector=connector, headers=self._exchange.headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, call: Call[T]) -> T:
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
                try:
                    async with self._open(call, aiohttp.ClientTimeout(total=attempts.left_s)) as answer:
                        reply = await _reply(answer)
                except LOST as error:
                    sent = not isinstance(error, NOT_SENT)
                    raise NoAnswerError(f"{call.name}: no answer: {error!r}", sent=sent) from error
                return result_of(call, reply)
            except GatewayError as error:
                wait = attempts.pause(call, error)
            await asyncio.sleep(wait)

    async def stream(
        self, topics: Iterable[str] = ("slate",), user: str | None = None, *, fields: Iterable[str] = (),
        lang: str | None = None,
    ) -> AsyncGenerator[Message, None]:  # fmt: skip
        """Messages as they happen: of `slate`, `event`, `outcome`, `stats`; of one user, or of all.

        A connection that is lost is made anew; messages of the time between are missed. `contextlib.aclosing` ends it.

        Raises
        ------
        ProblemError
            if the gateway refuses, also later: a key may expire
        NoAnswerError
            if it is not reached again
        """
        call = calls.stream(topics, user, fields=fields, lang=lang)
        attempts = Attempts(self._exchange.patience)
        timeout = aiohttp.ClientTimeout(total=None, connect=self._exchange.patience.timeout_s, sock_read=SILENT_S)
        while True:
            try:
                try:
                    async with self._open(call, timeout) as answer:
                        if answer.status != 200:
                            result_of(call, await _reply(answer))
                        messages = Messages()
                        async for piece in answer.content.iter_any():
                            for message in messages.feed(piece):
                                yield message
                except LOST as error:
                    raise NoAnswerError(f"{call.name}: lost: {error!r}", sent=True) from error
                raise NoAnswerError(f"{call.name}: the gateway ended it", sent=True)
            except GatewayError as error:
                wait = attempts.lost(call, error)
            await asyncio.sleep(wait)

    def _open(self, call: Call[T], timeout: aiohttp.ClientTimeout) -> "aiohttp.client._RequestContextManager":
        if self._session is None:
            raise RuntimeError("AsyncClient: must be used inside `async with`; it is not")
        url = URL(f"{self._exchange.origin}{self._exchange.prefix}{call.path}", encoded=True)
        return self._session.request(
            call.method, url, data=call.body, headers=call.headers, timeout=timeout, allow_redirects=False
        )

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


async def _reply(answer: aiohttp.ClientResponse) -> Reply:
    return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read())
