"""From log records to what others read: recommendations before the log has them, outcomes after."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from bandits import PINNED
from stream.decisions.arrivals import Answer
from stream.placements import name_of, page_of
from stream.ranking.reasons import FOLLOWS, reason_names
from stream.records.log import Batch, Decision, ProfileChange, Settlement, Step
from stream.records.requests import Response
from stream.records.schemas import Outcome, Recommendation, Slot


def recommendations(batch: Batch, lists: tuple[str, ...]) -> Iterator[tuple[str, Recommendation | None]]:
    """Users and their new slates of all placements; None for who is forgotten. `lists` names the sources by number."""
    for user_id, decision, event_id in slates(batch):
        made = None if decision is None else recommendation(user_id, decision, event_id, batch.epoch, lists)
        yield user_id, made


def slates(batch: Batch) -> Iterator[tuple[str, Decision | None, str | None]]:
    """Users, their new decisions, None for who is forgotten, and the newest event that a decision answers.

    A placement's first decision after an event answers it: an event that a request follows at once has no slate of its
    own, and those that are pushed follow in records of their own.
    """
    newest: dict[str, tuple[str, set[str]]] = {}  # user -> event, and the placements that have answered it
    for record in batch.records:
        if isinstance(record, ProfileChange) and record.attributes is None:
            newest.pop(record.user_id, None)
            yield record.user_id, None, None
        elif isinstance(record, Step):
            if record.event is not None:
                newest[record.user_id] = record.event.event_id, set()
            if record.decision is not None:
                event_id, answered = newest.get(record.user_id, (None, set[str]()))
                placement = record.decision.placement
                yield record.user_id, record.decision, None if placement in answered else event_id
                answered.add(placement)


def recommendation(
    user_id: str, decision: Decision, event_id: str | None, epoch: int, lists: tuple[str, ...]
) -> Recommendation:
    """One slate as it is published."""
    scores, propensities = _floats(decision.scores), _floats(decision.propensities)
    names, reasons = _reason_names(lists), decision.reasons or bytes(len(scores))  # an old decision has none
    return Recommendation(
        user_id=user_id, decision_id=decision.decision_id, event_id=event_id, timestamp=decision.time,
        model_version=decision.model_version, epoch=epoch, policy=decision.policy,
        experiment=decision.experiment, variant=decision.variant, placement=name_of(decision.placement),
        page=page_of(decision.placement),
        slots=[
            Slot(item, score, lists[0], propensity) if reason == FOLLOWS
            else Slot(item, score, source_name(source, lists), propensity, names[reason])
            for item, score, source, propensity, reason in zip(
                decision.slate, scores, decision.sources, propensities, reasons, strict=True
            )
        ],
    )  # fmt: skip


@lru_cache(8)
def _reason_names(lists: tuple[str, ...]) -> tuple[str, ...]:
    return reason_names(lists[1:])


def response(answer: Answer, event_id: str | None, epoch: int, lists: tuple[str, ...]) -> Response:
    """The answer to a request as it is published; `event_id` as in `slates`."""
    (request, *_), decision = answer.asked, answer.decision
    slate = None if decision is None else recommendation(request.user_id, decision, event_id, epoch, lists)
    return Response(
        request_id=request.request_id, user_id=request.user_id, status=answer.status, recommendation=slate,
        reason=answer.reason,
    )  # fmt: skip


def source_name(source: int, lists: tuple[str, ...]) -> str:
    """Name of what filled a slot.

    >>> source_name(1, ("ranked", "popularity")), source_name(255, ("ranked", "popularity"))
    ('popularity', 'pinned')
    """
    return "pinned" if source == PINNED else lists[source]


def outcomes(batch: Batch, lists: tuple[str, ...]) -> Iterator[Outcome]:
    """The settled decisions of an accepted batch."""
    for record in batch.records:
        if isinstance(record, Step) and record.settled is not None:
            event_id = None if record.event is None else record.event.event_id
            yield _outcome(record.user_id, record.settled, event_id, lists)


def _outcome(user_id: str, settled: Settlement, event_id: str | None, lists: tuple[str, ...]) -> Outcome:
    return Outcome(
        user_id=user_id, decision_id=settled.decision_id, outcome=settled.outcome, reward=settled.reward,
        hit=settled.hit if settled.hit >= 0 else None, event_id=event_id, decided_at=settled.decided_at,
        settled_at=settled.settled_at, policy=settled.policy, items=settled.slate,
        sources=[source_name(source, lists) for source in settled.sources], propensities=_floats(settled.propensities),
        discount=settled.discount, state=settled.state, offering=list(lists), offered_ranks=settled.offered_ranks,
        lists=settled.lists, experiment=settled.experiment, variant=settled.variant, shadow=settled.shadow,
        placement=name_of(settled.placement), page=page_of(settled.placement),
    )  # fmt: skip


def _floats(data: bytes) -> list[float]:
    return np.frombuffer(data, np.float32).astype(float).tolist()  # type: ignore[no-any-return]  # numpy's tolist is Any
