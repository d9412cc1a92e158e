"""Simulated shoppers served by the engine in process."""

from bandits.worlds import SETTINGS, Shop, Tastes
from stream.config import Config
from stream.records.schemas import Event, EventType
from stream.simulation.shop import InProcess, serve


def test_the_engine_learns_what_shoppers_like() -> None:
    """Its slates bring more over time, and more than those of an engine that gets no events."""
    tastes, decisions = Tastes.generated("engine", users=100, items=200), 1_500

    class WithoutEvents(InProcess):
        def take(self, kind: EventType, event: Event) -> None:
            if self.worker.shard.users.get(event.user_id) is None:
                super().take(kind, event)

    learning, other = (
        serve(Shop(SETTINGS["strong"], "s", decisions, tastes), each(Config()), "s", lambda n: 1.7e9 + n)
        for each in (InProcess, WithoutEvents)
    )
    assert learning.expected[-500:].mean() > 1.2 * other.expected[-500:].mean()
    assert learning.expected[-500:].mean() > 1.2 * learning.expected[:300].mean()
    assert (learning.expected <= learning.best + 1e-6).all()
