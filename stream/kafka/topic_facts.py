"""What the cluster says of topics while a worker runs: how many partitions they have, and which one has the name."""

import asyncio
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from stream.config import Kafka
from stream.kafka.security import kafka_options
from stream.records.topics import Topic, prefixed

CONNECT_MS, REQUEST_MS = 2000, 4000
REAL = 1 << 62  # numbers of topics as the cluster gives them begin here


class TopicFacts(NamedTuple):
    """One topic of a name. A topic that was deleted and made again is another one."""

    partitions: int
    number: int  # made of the topic's id (KIP-516, Kafka 2.8 and later); 0: the cluster gives none


def number_of(topic_id: UUID | str | None) -> int:
    """A positive number of 63 bits for a topic's id; 0 without one.

    >>> number_of(UUID(int=0)), number_of(UUID(int=1 << 127)) == REAL + (1 << 61)
    (0, True)
    """
    value = UUID(str(topic_id)).int if topic_id else 0
    return REAL | value >> 66 if value else 0


class FactsReader:
    """Asks the cluster, over one connection that is kept. Each call runs in a thread that no exit waits for."""

    def __init__(self, config: Kafka) -> None:
        self._config = config
        self._admin: KafkaAdminClient | None = None
        self._busy = threading.Lock()  # the client serves one thread at a time

    async def read(self, topics: Iterable[Topic]) -> dict[str, TopicFacts]:
        """Facts of those topics that exist, by name without the namespace.

        Raises
        ------
        KafkaError
            if Kafka does not answer
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[dict[str, TopicFacts]] = loop.create_future()
        names = {prefixed(self._config.namespace, topic): topic.name for topic in topics}

        def settle(found: dict[str, TopicFacts] | Exception) -> None:
            if answer.done():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def run() -> None:
            found: dict[str, TopicFacts] | Exception
            try:
                found = self._ask(names)
            except Exception as error:
                found = error if isinstance(error, KafkaError) else KafkaError(f"describing the topics: {error!r}")
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, found)

        threading.Thread(target=run, name="topic facts", daemon=True).start()
        return await answer

    def close(self) -> None:
        """Disconnect, unless a question is under way."""
        if self._busy.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._busy.release()

    def _ask(self, names: dict[str, str]) -> dict[str, TopicFacts]:
        if not self._busy.acquire(blocking=False):
            raise KafkaError("the last question about the topics is not answered yet")
        try:
            if self._admin is None:
                self._admin = KafkaAdminClient(
                    **kafka_options(self._config), bootstrap_timeout_ms=CONNECT_MS, request_timeout_ms=REQUEST_MS
                )
            return {
                names[topic["name"]]: TopicFacts(len(topic["partitions"]), number_of(topic.get("topic_id")))
                for topic in self._admin.describe_topics(list(names))
                if topic["error_code"] == 0
            }
        except Exception:
            self._drop()
            raise
        finally:
            self._busy.release()

    def _drop(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            admin.close()
