"""What arrives at a shard: events and requests of its users, and changes of users, items and experiments."""

from typing import NamedTuple

from stream.records.log import Decision, ExperimentChange, ItemChange, LoggedEvent, ProfileChange
from stream.records.questions.records import Question
from stream.records.requests import Request, ResponseStatus


class UserEvent(NamedTuple):
    """An event and whose it is."""

    user_id: str
    event: LoggedEvent
    units: float = 1.0  # that were bought: the event's price is that of all of them


class SlateAsked(NamedTuple):
    """A request for a slate of a user, as of event time `now`."""

    request: Request
    now: float
    written: float  # when it was written to Kafka, unix seconds

    @property
    def user_id(self) -> str:
        """Whose slate it is."""
        return self.request.user_id


class Answer(NamedTuple):
    """What a request got; without a decision, the reason."""

    asked: SlateAsked
    decision: Decision | None
    status: ResponseStatus = "fresh"
    reason: str = ""


class QuestionAsked(NamedTuple):
    """A question to the model, as of event time `now`; nothing is made of it but an answer."""

    question: Question
    now: float
    written: float  # when it was written to Kafka, unix seconds


Change = ProfileChange | ItemChange | ExperimentChange
Arrival = UserEvent | SlateAsked | Change
