"""A user's history as plain Python has it: what `state.user_block` must agree with."""

from stream.records.log import LoggedEvent
from stream.state.user import Seen

PURCHASE = 2


class PlainUser:
    """One user; the bounds are given, so that short lives reach them."""

    def __init__(self, seen_items: int, session_items: int, event_ids: int) -> None:
        self.bounds = seen_items, session_items, event_ids
        self.seen: dict[str, Seen] = {}  # oldest first
        self.session: list[str] = []
        self.session_id: str | None = None
        self.event_ids: list[str] = []
        self.events = self.depth = self.repeats = self.immediate = 0
        self.twice, self.time = False, 0.0

    def continues(self, event: LoggedEvent, gap: float) -> bool:
        if self.events == 0:
            return False
        if event.session_id is None and self.session_id is None:
            return event.time - self.time <= gap
        return event.session_id == self.session_id

    def context(self, event: LoggedEvent, gap: float, most: int) -> tuple[list[str], int]:
        """The newest items, and how many of them belong to the session that the event continues."""
        newest = list(reversed(self.seen))[:most]
        inside = 0
        while self.continues(event, gap) and inside < len(newest) and newest[inside] in self.session:
            inside += 1
        return newest, inside

    def take(self, event: LoggedEvent, gap: float) -> None:
        late, item = event.time < self.time, event.item_id
        if not late and not self.continues(event, gap):
            self.session, self.depth, self.session_id = [], 0, event.session_id
        old, last = self.seen.get(item), next(reversed(self.seen), None)
        self.events, self.depth = self.events + 1, self.depth + 1
        self.repeats += old is not None
        self.immediate += last == item
        self._see(event, old or Seen(0, False, 0, 0.0), late=late)
        if not late:
            self.time, self.twice = event.time, last == item
            self.session = [*self.session, item][-self.bounds[1] :]
        if event.event_id not in self.event_ids:
            self.event_ids = [*self.event_ids, event.event_id][-self.bounds[2] :]

    def _see(self, event: LoggedEvent, old: Seen, *, late: bool) -> None:
        bought_at = max(old.bought_at, event.time if event.kind == PURCHASE else 0.0)
        new = Seen(old.times + 1, old.bought or event.kind == PURCHASE, event.kind, event.time, bought_at)
        if late and old.times and old.time >= event.time:
            self.seen[event.item_id] = old._replace(times=new.times, bought=new.bought, bought_at=bought_at)
        else:
            if not late:
                self.seen.pop(event.item_id, None)
            self.seen[event.item_id] = new
            self.seen = dict(sorted(self.seen.items(), key=lambda entry: entry[1].time))
        while len(self.seen) > self.bounds[0]:
            del self.seen[next(iter(self.seen))]
