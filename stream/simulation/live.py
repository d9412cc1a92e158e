"""Simulated shoppers on Kafka: they read the topic `recommendations` and send events."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from stream.client.producer import Sender
from stream.client.watch import Watcher
from stream.config import Kafka
from stream.records.schemas import Event, EventType, Item


class OverKafka:
    """Workers behind a broker: slates are read from Kafka, items and events are sent to it."""

    def __init__(self, config: Kafka) -> None:
        self._config = config
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._watcher = Watcher(self._config)
        self._stack.callback(self._watcher.close)
        self._sender = self._stack.enter_context(Sender(self._config))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def describe(self, item: Item) -> None:
        """Send an item to `catalog.items`."""
        self._sender.item(item)

    def slate(self, user_id: str) -> list[str]:
        """Return the newest slate that has arrived."""
        self._watcher.poll(0)
        refresh = self._watcher.slates.newest.get(user_id)
        return [] if refresh is None else [slot.item_id for slot in refresh.slate.slots]

    def take(self, kind: EventType, event: Event) -> None:
        """Send an event to the topic of its kind."""
        self._sender.event(kind, event)
