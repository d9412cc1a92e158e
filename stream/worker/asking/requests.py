"""Requests: as they are read, and in a round, where what nobody waits for any more, or has no time, gets no slate."""

from collections.abc import Sequence
from typing import Any

from stream.decisions.arrivals import Answer, Arrival, QuestionAsked, SlateAsked
from stream.decisions.publish import response, slates
from stream.records.codec import Rejection, decode_request
from stream.records.log import Batch
from stream.records.questions.reading import decode_question
from stream.records.topics import RESPONSES, ShardId
from stream.worker.writer import OutgoingRecord

LEAST = 1  # requests of a shard that a round answers, however little time there is


def read_request(record: Any, now: float) -> SlateAsked | Rejection:
    """What a record of `requests` asks for, as of its time; `now`: unix seconds, by which times are judged."""
    request, written = decode_request(record.key, record.value, now), record.timestamp / 1000
    if isinstance(request, Rejection):
        return request
    return SlateAsked(request, written if request.timestamp is None else request.timestamp, written)


def read_question(record: Any, now: float) -> QuestionAsked | Rejection:
    """The same for a question, which needs no slate."""
    question, written = decode_question(record.value, now), record.timestamp / 1000
    if isinstance(question, Rejection):
        return question
    return QuestionAsked(question, written if question.timestamp is None else question.timestamp, written)


def refuse(parts: Sequence[list[Arrival]], now: float, room: int | None) -> list[list[Answer]]:
    """Take requests out of the parts of a poll: those past their deadline, and those beyond the room for slates.

    Parameters
    ----------
    now : unix seconds, by the clock that deadlines are judged by
    room : slates for which there is time; None: any number
    """
    left = None if room is None else max(LEAST, room)
    refused = list[list[Answer]]()
    for arrivals in parts:
        found, kept = list[Answer](), list[Arrival]()
        for each in arrivals:
            if not isinstance(each, SlateAsked):
                kept.append(each)
            elif (late_s := _late_s(each, now)) > 0:
                found.append(Answer(each, None, "late", f"the deadline had passed {1000 * late_s:.0f} ms ago"))
            elif left == 0:
                found.append(Answer(each, None, "busy", "there is no time for as many slates as are asked for"))
            else:
                kept.append(each)
                left = None if left is None else left - 1
        arrivals[:] = kept
        refused.append(found)
    return refused


def response_records(batch: Batch, answers: Sequence[Answer], lists: tuple[str, ...]) -> list[OutgoingRecord]:
    """Records of `responses`, to the requests that a batch answers."""
    if not answers:
        return []
    partition = ShardId.parse(batch.shard).partition
    events = {decision.decision_id: event_id for _, decision, event_id in slates(batch) if decision is not None}
    return [
        OutgoingRecord(RESPONSES, each.asked.user_id.encode(), response(each, event_id, batch.epoch, lists), partition)
        for each in answers
        for event_id in [None if each.decision is None else events.get(each.decision.decision_id)]
    ]


def _late_s(asked: SlateAsked, now: float) -> float:
    deadline_ms = asked.request.deadline_ms
    return 0.0 if deadline_ms is None else now - asked.written - deadline_ms / 1000
