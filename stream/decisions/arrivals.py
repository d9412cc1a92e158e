"""What arrives at a shard: events of its users, and changes of users, items and experiments."""

from typing import NamedTuple

from stream.records.log import ExperimentChange, ItemChange, LoggedEvent, ProfileChange


class UserEvent(NamedTuple):
    """An event and whose it is."""

    user_id: str
    event: LoggedEvent
    units: float = 1.0  # that were bought: the event's price is that of all of them


Arrival = UserEvent | ProfileChange | ItemChange | ExperimentChange
