"""A site without Kafka: a local worker, and what its users do; for the tests of the engine."""

from collections import Counter
from typing import Any

from stream.config import Config, Slate
from stream.decisions.arrivals import SlateAsked, UserEvent
from stream.decisions.engine import Engine
from stream.decisions.local import LocalWorker
from stream.decisions.slates import DrawnSlate, SlateRequest
from stream.model.fold import Model
from stream.observe import Mix, Observer
from stream.records.acceptance import Verdict
from stream.records.log import Batch, Decision, ItemChange, LoggedEvent, Message, Settlement, Step
from stream.records.requests import Request
from stream.records.schemas import Item
from stream.state.user import User

VIEW, CLICK, PURCHASE = range(3)
T = 1_700_000_000.0
MINUTE = 60.0


class Tally(Observer):
    """Counts the hooks of the engine."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.settlements: list[Settlement] = []
        self.mixes: list[Mix] = []

    def event(self, kind: int) -> None:
        self.counts["event"] += 1

    def duplicate(self) -> None:
        self.counts["duplicate"] += 1

    def late(self) -> None:
        self.counts["late"] += 1

    def deferred(self, slates: int) -> None:
        self.counts["deferred"] += slates

    def decided(self, decision: Decision, mix: Mix) -> None:
        self.counts["decided"] += 1
        self.mixes.append(mix)

    def settled(self, settlement: Settlement, event: LoggedEvent | None = None) -> None:
        self.settlements.append(settlement)


class Site(LocalWorker):
    """A local worker that counts, with a small catalogue."""

    def __init__(self, items: str = "", **sections: Any) -> None:
        self.config = Config(**({"slate": Slate(slots=5)} | sections))
        self.seen = Tally()
        super().__init__(Engine(self.config, Model(self.config), self.seen))
        if items:
            self.take(*(ItemChange(item, Item(item_id=item)) for item in items))

    def fold(self, message: Message) -> Verdict:
        verdict = super().fold(message)
        assert verdict == ("accepted" if isinstance(message, Batch) else "claimed")
        return verdict

    def step(self, *arrivals: Any) -> Step:
        """The one step that comes of it."""
        (found,) = steps(self.take(*arrivals))
        return found

    def drawn(self, user_id: str, now: float = T, name: str = "test") -> DrawnSlate:
        (found,) = self.engine.draw([SlateRequest(user_id, self.shard.users.get(user_id, User()), now, name)])
        return found

    def slate(self, user_id: str = "nobody", now: float = T) -> set[str]:
        return {*self.drawn(user_id, now).decision.slate}


def did(user: str, item: str, time: float = T, kind: int = VIEW, **fields: Any) -> UserEvent:
    """A user's event; times are unique in most tests, so they make good ids."""
    event_id = fields.pop("event_id", f"{user}-{item}-{time}")
    session_id, decision_id = fields.pop("session_id", None), fields.get("decision_id")
    return UserEvent(user, LoggedEvent(0, 0, event_id, item, kind, time, session_id, decision_id))


def asked(user: str, now: float = T, **fields: Any) -> SlateAsked:
    """A user's request as of `now`."""
    request_id = fields.pop("request_id", f"{user}-{now}")
    return SlateAsked(Request(request_id=request_id, user_id=user, **fields), now, now)


def steps(batch: Batch) -> list[Step]:
    return [record for record in batch.records if isinstance(record, Step)]


def decision_of(step: Step) -> Decision:
    assert step.decision is not None
    return step.decision


def settlement_of(step: Step) -> Settlement:
    assert step.settled is not None
    return step.settled


def shown(site: Site, time: float = T) -> Decision:
    """User u has an open slate, made at `time`."""
    return decision_of(site.step(did("u", "a", time)))
