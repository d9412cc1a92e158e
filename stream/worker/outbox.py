"""What of a batch goes to which topic, and when its events were written."""

from collections.abc import Iterable

from stream.decisions.publish import recommendations
from stream.records.log import Batch, Step
from stream.records.schemas import Outcome
from stream.records.topics import OUTCOMES, RECOMMENDATIONS, Source
from stream.worker.intake import Taken
from stream.worker.writer import Letter


def slate_letters(batch: Batch, lists: tuple[str, ...]) -> list[Letter]:
    """What goes to `recommendations`: slates, and a tombstone for who is to be forgotten, in their order."""
    partition = Source.parse(batch.source).partition
    return [
        Letter(RECOMMENDATIONS, user_id.encode(), slate, partition) for user_id, slate in recommendations(batch, lists)
    ]


def outcome_letters(source: str, settled: Iterable[Outcome]) -> list[Letter]:
    """What goes to `outcomes` of a source's decisions."""
    partition = Source.parse(source).partition
    return [Letter(OUTCOMES, outcome.user_id.encode(), outcome, partition) for outcome in settled]


def written_at(batch: Batch, taken: Taken) -> list[float]:
    """When the events that a batch answers were written."""
    return [
        taken.written_at[record.event.topic, record.event.offset]
        for record in batch.records
        if isinstance(record, Step) and record.event is not None and record.decision is not None
    ]
