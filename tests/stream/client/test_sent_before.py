"""Whether a file has users with more events than a worker remembers. tests/kafka/test_replay_learned.py sends some."""

from stream.client.sent_before import beyond_memory
from stream.records.schemas import Event, EventType
from stream.state.user_block import EVENT_IDS


def events(user: str, count: int) -> list[tuple[EventType, Event]]:
    return [("view", Event(event_id=f"{user}{n}", user_id=user, item_id="i", timestamp=1.7e9)) for n in range(count)]


def test_a_user_with_too_many_events() -> None:
    assert not beyond_memory([])
    assert not beyond_memory(events("a", EVENT_IDS) + events("b", EVENT_IDS))
    assert beyond_memory(events("a", EVENT_IDS + 1))
