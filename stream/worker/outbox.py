"""What of a batch goes to which topic, and when its events were written."""

from collections.abc import Iterable

from stream.decisions.publish import recommendations
from stream.records.log import Batch, Step
from stream.records.schemas import Outcome
from stream.records.topics import OUTCOMES, RECOMMENDATIONS, ShardId
from stream.worker.intake import Taken
from stream.worker.writer import OutgoingRecord


def slate_records(batch: Batch, lists: tuple[str, ...]) -> list[OutgoingRecord]:
    """What goes to `recommendations`: slates, and a tombstone for who is to be forgotten, in their order."""
    partition = ShardId.parse(batch.shard).partition
    return [
        OutgoingRecord(RECOMMENDATIONS, user_id.encode(), slate, partition)
        for user_id, slate in recommendations(batch, lists)
    ]


def outcome_records(shard: str, settled: Iterable[Outcome]) -> list[OutgoingRecord]:
    """What goes to `outcomes` of a shard's decisions."""
    partition = ShardId.parse(shard).partition
    return [OutgoingRecord(OUTCOMES, outcome.user_id.encode(), outcome, partition) for outcome in settled]


def written_at(batch: Batch, taken: Taken) -> list[float]:
    """When the events that a batch answers were written."""
    return [
        taken.written_at[record.event.topic, record.event.offset]
        for record in batch.records
        if isinstance(record, Step) and record.event is not None and record.decision is not None
    ]
