"""Incremental fetches (KIP-227): the broker remembers what a consumer reads, and a fetch names only what has changed.

aiokafka names every partition in every fetch, and every answer repeats them all: with 41 partitions of which one has an
event, two fifths of what a fetch costs the consumer, and as much again at the broker.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiokafka.protocol.fetch import FetchRequest

FIRST_VERSION = 7  # of fetch requests, that knows sessions
LAST_EPOCH = (1 << 31) - 1

Wanted = dict[tuple[str, int], tuple[int, int, int]]  # topic, partition -> partition, offset, most bytes


class Session:
    """What one broker remembers of one consumer."""

    def __init__(self) -> None:
        self.id = 0  # 0: none yet
        self.epoch = 0  # of the next fetch; 0: one that names everything, and begins a new session
        self.known: Wanted = {}
        self.assignment: Any = None  # that the answers since the last whole one were for

    def advance(self, session_id: int, known: Wanted, after: int) -> None:
        """Go on after an answer to the fetch of epoch `after`; id 0: the broker has no room for a session."""
        self.id, self.known = session_id, known
        self.epoch = 0 if session_id == 0 else after % LAST_EPOCH + 1


class SessionFetch(FetchRequest):  # type: ignore[misc]  # has no types
    """A fetch that names what the broker does not know yet.

    Parameters
    ----------
    whole : the request, with everything that is wanted
    epoch : 0: name everything
    """

    def __init__(self, whole: FetchRequest, session_id: int, epoch: int, known: Wanted) -> None:
        self.__dict__.update(whole.__dict__)  # all that is not about sessions
        self.wanted: Wanted = {(topic, each[0]): each for topic, parts in whole.topics for each in parts}
        self._session, self._known = (session_id, epoch), known if epoch else {}

    def build(self, request_struct_class: Any) -> Any:
        """Overridden: aiokafka asks for no session."""
        if request_struct_class.API_VERSION < FIRST_VERSION:
            return super().build(request_struct_class)
        self._topics = _by_topic((tp[0], each) for tp, each in self.wanted.items() if self._known.get(tp) != each)
        built = super().build(request_struct_class)
        built.session_id, built.session_epoch = self._session
        built.forgotten_topics_data = _by_topic(tp for tp in self._known if tp not in self.wanted)
        return built


class FetchSessions:
    """Sessions of one aiokafka consumer with its brokers.

    Parameters
    ----------
    send : sends a request to a node, as `AIOKafkaClient.send`
    assignment : what the consumer reads by now, compared by identity
    """

    def __init__(self, send: Callable[..., Awaitable[Any]], assignment: Callable[[], Any]) -> None:
        self._send, self._assignment = send, assignment
        self._sessions: dict[int, Session] = {}  # by node: as many as the cluster has

    async def send(self, node_id: int, request: Any, **options: Any) -> Any:
        """Send a request; a fetch goes out in the session of its node, of which aiokafka sends one at a time.

        The first fetch of an assignment names everything: what is new to the consumer, such as the end of a partition
        without news, it must be told though the broker has told it before.
        """
        if not isinstance(request, FetchRequest):
            return await self._send(node_id, request, **options)
        session, assignment = self._sessions.setdefault(node_id, Session()), self._assignment()
        epoch = session.epoch if session.assignment is assignment else 0
        session.epoch, session.assignment = 0, assignment  # begin anew if this fetch fails or is given up
        fetch = SessionFetch(request, session.id, epoch, session.known)
        response = await self._send(node_id, fetch, **options)
        if response.API_VERSION < FIRST_VERSION:
            return response
        if response.error_code:  # the broker was restarted, or has given the session's room to another consumer
            response.topics = []
        else:
            session.advance(response.session_id, fetch.wanted, epoch)
        return response


def keep_sessions(consumer: Any) -> None:
    """Let an aiokafka consumer that has not started yet fetch in sessions."""
    client, subscriptions = consumer._client, consumer._subscription  # noqa: SLF001  there is no public way
    client.send = FetchSessions(client.send, lambda: subscriptions.subscription.assignment).send


def _by_topic(found: Iterable[tuple[str, Any]]) -> list[tuple[str, list[Any]]]:
    """As requests have it: topics with what is said of their partitions."""
    topics: dict[str, list[Any]] = {}
    for topic, each in found:
        topics.setdefault(topic, []).append(each)
    return list(topics.items())
