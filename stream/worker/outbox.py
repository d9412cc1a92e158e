"""The records that a batch sends to `recommendations` and `outcomes`, and when its events were written."""

from collections.abc import Iterable

from stream.decisions.publish import recommendations
from stream.records.log import Batch, Step
from stream.records.schemas import Outcome
from stream.records.topics import OUTCOMES, RECOMMENDATIONS, ShardId
from stream.worker.intake import Taken
from stream.worker.writer import OutgoingRecord


def slate_records(batch: Batch, lists: tuple[str, ...]) -> list[OutgoingRecord]:
    """Records of `recommendations`: slates, and tombstones of users to be forgotten, in their order."""
    partition = ShardId.parse(batch.shard).partition
    return [
        OutgoingRecord(RECOMMENDATIONS, user_id.encode(), slate, partition)
        for user_id, slate in recommendations(batch, lists)
    ]


def outcome_records(shard: str, settled: Iterable[Outcome]) -> list[OutgoingRecord]:
    """Records of `outcomes`, of a shard's decisions."""
    partition = ShardId.parse(shard).partition
    return [OutgoingRecord(OUTCOMES, outcome.user_id.encode(), outcome, partition) for outcome in settled]


def written_at(batch: Batch, taken: Taken) -> list[float]:
    """When the events were written that a batch answers with a slate."""
    return [
        taken.written_at[record.event.topic, record.event.offset]
        for record in batch.records
        if isinstance(record, Step) and record.event is not None and record.decision is not None
    ]
