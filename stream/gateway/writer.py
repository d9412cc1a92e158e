"""Writes events and catalogue records to their topics: checked, keyed, acknowledged by all in-sync replicas."""

import asyncio
import time
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream.config import Config
from stream.gateway.problems import Problem
from stream.kafka.security import aiokafka_options
from stream.records.codec import Rejection, decode_typed_event
from stream.records.schemas import Event, EventType
from stream.records.topics import EVENT_TOPICS, Topic, prefixed
from stream.serving.ending import stop_within

LINGER_MS = 2
STOP_S = 5.0  # to send what is buffered and disconnect
SEND_S = 10.0
PAUSE = 50  # events checked in one go


class Refused(NamedTuple):
    """An event of a request that was not written."""

    position: int  # in the request
    reason: str
    detail: str


class Writer:
    """One producer for all requests."""

    def __init__(self, config: Config) -> None:
        self.config = config

    async def start(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(
            **aiokafka_options(self.config.kafka), acks="all", linger_ms=LINGER_MS,
            request_timeout_ms=int(SEND_S * 1000),
        )  # fmt: skip
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is buffered, and disconnect."""
        await stop_within(self._producer.stop(), STOP_S)

    async def events(self, documents: list[msgspec.Raw], user_id: str | None = None) -> list[Refused]:
        """Write events, each to the topic of its type; returns those that are invalid or were not acknowledged.

        Parameters
        ----------
        user_id : whose events the sender may write; None: everybody's
        """
        refused, waiting = list[Refused](), list[asyncio.Future[object]]()
        indices = list[int]()
        for index, document in enumerate(documents):
            if index % PAUSE == PAUSE - 1:
                await asyncio.sleep(0)  # others are served in between
            decoded = _decode(bytes(document), user_id)
            if isinstance(decoded, Rejection):
                refused.append(Refused(index, decoded.reason, decoded.detail))
                continue
            kind, event = decoded
            waiting.append(await self._send(EVENT_TOPICS[kind], event.user_id, bytes(document)))
            indices.append(index)
        for index, answer in zip(indices, await asyncio.gather(*waiting, return_exceptions=True), strict=True):
            if isinstance(answer, BaseException):
                refused.append(
                    Refused(index, "not_written", f"Kafka did not acknowledge it: {answer!r}; send it again")
                )
        return sorted(refused)

    async def one(self, topic: Topic, key: str, value: bytes | None) -> None:
        """Write one record and wait for it.

        Raises
        ------
        Problem
            503 if Kafka does not acknowledge it
        """
        try:
            await (await self._send(topic, key, value))
        except (KafkaError, TimeoutError) as error:
            raise Problem(
                503, f"Kafka did not acknowledge it: {error!r}; send it again", headers={"Retry-After": "5"}
            ) from error

    async def _send(self, topic: Topic, key: str, value: bytes | None) -> "asyncio.Future[object]":
        name = prefixed(self.config.kafka.namespace, topic)
        try:
            sent: asyncio.Future[object] = await asyncio.wait_for(
                self._producer.send(name, key=key.encode(), value=value), SEND_S
            )
        except (KafkaError, TimeoutError) as error:
            sent = asyncio.get_running_loop().create_future()
            sent.set_exception(error)
        return sent


def _decode(document: bytes, user_id: str | None) -> tuple[EventType, Event] | Rejection:
    found = decode_typed_event(document, time.time())
    if user_id is not None and not isinstance(found, Rejection) and found[1].user_id != user_id:
        return Rejection("other_user", "event: the token is signed for another user: it writes only what is theirs")
    return found
