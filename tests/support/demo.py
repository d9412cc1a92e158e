"""Ratings, slates and a frame of the demo."""

from stream.client.slates import Refresh, Slates, Titles
from stream.demo.data import Rating
from stream.demo.play import Frame
from stream.demo.score import Score
from stream.records.codec import encode
from stream.records.schemas import Event, Item, Recommendation, Slot


def rating(user: str, item: str, number: int = 0) -> Rating:
    """A view, dated by its number."""
    return "view", Event(event_id=f"{user}/{item}/{number}", user_id=user, item_id=item, timestamp=float(number))


def publish(slates: Slates, user: str, items: list[str], event: Event | None, at: float) -> Refresh:
    """Publish a slate of these items."""
    event_id = event.event_id if event else None
    slate = Recommendation(
        user_id=user, decision_id="d", event_id=event_id, timestamp=at, model_version=0, epoch=0, policy="sarsa",
        slots=[Slot(item, 0.5, "ranked", 0.9) for item in items],
    )  # fmt: skip
    refresh = slates.take(user.encode(), encode(slate), at)
    assert refresh is not None
    return refresh


def live_frame() -> Frame:
    """A moment of the live part: one user with a slate, a worker with counts."""
    score, slates, titles = Score(), Slates(), Titles()
    titles.take(b"a", encode(Item(item_id="a", title="Matrix, The (1999) [x]")))
    score.live = True
    for number, item in enumerate("ab"):
        kind, event = rating("u7", item, number)
        score.sent(kind, event, slates, at=float(number))
        score.arrived(publish(slates, "u7", ["b", "a"][:: 1 - 2 * number], event, at=number + 0.012))
    slots, hits = 'headwater_slots_total{source="%s"}', 'headwater_hits_total{source="%s"}'
    settled = 'headwater_decisions_settled_total{outcome="%s"}'
    before = {slots % "ranked": 100.0, hits % "ranked": 5.0, settled % "hit": 1.0, "headwater_reward_total": 3.0}
    now = {
        slots % "ranked": 190.0, hits % "ranked": 14.0, slots % "trending": 10.0, settled % "hit": 6.0,
        settled % "miss": 15.0, settled % "void": 7.0, "headwater_reward_total": 13.0, "headwater_events_total": 1234.0,
    }  # fmt: skip
    return Frame("Apache Kafka", "http://127.0.0.1:8080", "live", 4.0, 20.5, 2000, score, titles, before, now)
