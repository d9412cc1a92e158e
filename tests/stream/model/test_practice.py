"""Slates and rows that are learned together or record by record: the same model, the same alarms, the same losses."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from stream.config import Config, Drift, Policy, Slate
from stream.decisions.local import LocalWorker
from stream.model.fold import Model
from stream.observe import Losses, Observer
from stream.records.log import Batch, Claim, Message, Step
from stream.records.schemas import Event
from tests.support.site import T


class Told(Observer):
    def __init__(self) -> None:
        self.alarms: list[tuple[str, str]] = []
        self.errors: list[float] = []
        self.losses: list[Losses] = []
        self.skips: list[str] = []

    def drifted(self, model: str, answer: str) -> None:
        self.alarms.append((model, answer))

    def learned(self, td_errors: Sequence[float], losses: Iterable[Losses]) -> None:
        self.errors += td_errors
        self.losses += losses

    def skipped(self, offset: int, error: Exception) -> None:
        self.skips.append(str(error))


def log(config: Config, events: int = 500) -> list[Message]:
    """Twelve users; in the middle, other items are liked."""
    worker = LocalWorker.of(config)
    found: list[Message] = [Claim(4, worker.shard.id, "local")]
    for n in range(events):
        item = (n * n * 7 + n // 5) % 13 + (13 if n > events // 2 else 0)
        event = Event(event_id=f"e{n}", user_id=f"u{n % 12}", item_id=f"i{item}", timestamp=T + 20.0 * n)
        found.append(worker.take(worker.arrival("click" if n % 3 else "purchase", event)))
    return found


def folded(config: Config, messages: list[Message], at_once: int) -> tuple[Model, Told]:
    """Fold the same records in messages of other sizes, which an owner would have written without slates between."""
    told = Told()
    model = Model(config, told)
    model.fold(messages[0], 0)
    records = [record for message in messages[1:] if isinstance(message, Batch) for record in message.records]
    first = messages[1]
    assert isinstance(first, Batch)
    for seq, start in enumerate(range(0, len(records), at_once)):
        part = msgspec.structs.replace(first, seq=seq, records=records[start : start + at_once])
        assert model.fold(part, 1 + seq) == "accepted"
    return model, told


@pytest.mark.parametrize("policy", ["disagreement", "q_learning", "ranked"])
def test_messages_of_any_size_teach_the_same(policy: Any) -> None:
    config = Config(
        slate=Slate(slots=4), policy=Policy(name=policy, discount=0.3), drift=Drift(delta=0.9, cool_down=40.0)
    )  # fmt: skip
    messages = log(config)
    one, told = folded(config, messages, 1)
    parts = one.copy().parts
    assert len(told.alarms) > 2
    assert len(told.losses) > 300
    for at_once in (7, 200):
        other, same = folded(config, messages, at_once)
        # Sources are taught at the end of a message, at the pace of then: the rest knows nothing of messages.
        paced = {source.name for source in other.sources}
        for name, part in other.copy().parts.items():
            if name not in paced:
                assert {key: array.tobytes() for key, array in part.items()} == {
                    key: array.tobytes() for key, array in parts[name].items()
                }, name
        assert (same.alarms, same.errors, same.losses, same.skips) == (told.alarms, told.errors, told.losses, [])


def test_sources_are_taught_at_the_pace_that_drift_has_set() -> None:
    config = Config(slate=Slate(slots=4), drift=Drift(delta=0.9, cool_down=40.0))
    told = Told()
    together, apart = Model(config, told), Model(config)
    apart.teach_apart()
    for n, message in enumerate(log(config)):
        together.fold(message, n)
        apart.fold(message, n)
    assert "shorter_half_life" in {answer for _, answer in told.alarms}
    assert together.fingerprint() == apart.fingerprint()


def test_a_record_that_the_ranking_refuses_is_skipped_and_the_others_are_learned() -> None:
    config = Config(slate=Slate(slots=4))
    messages = log(config, 60)
    with_rows = [
        n for n, message in enumerate(messages)
        if isinstance(message, Batch) and isinstance(step := message.records[0], Step) and step.rows is not None
    ]  # fmt: skip
    at = with_rows[len(with_rows) // 2]
    broken = messages[at]
    assert isinstance(broken, Batch)
    step = broken.records[0]
    assert isinstance(step, Step)
    assert step.rows is not None
    rows = msgspec.structs.replace(step.rows, rate=0.0)  # a negative would stand for infinitely many
    messages[at] = msgspec.structs.replace(broken, records=[msgspec.structs.replace(step, rows=rows)])
    for at_once in (1, 200):
        model, told = folded(config, messages, at_once)
        assert model.skipped == len(told.skips) == 1
        assert "must be in (0, 1]; got 0.0" in told.skips[0]
        assert model.catalogue.events == 59
        assert len(told.losses) == len(with_rows) - 1
