"""The shared model as a fold of the log: equal logs, equal models."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from learners import Impersonal, Interaction, Source
from learners.board import Board
from stream.config import Config, Policy, Slate, Sources
from stream.decisions.engine import Engine
from stream.decisions.slates import SlateRequest
from stream.model.copy import ModelCopy
from stream.model.fold import Model
from stream.model.lessons import Lessons
from stream.observe import Losses, Observer
from stream.ranking.features import NEW_SINCE
from stream.ranking.score import HEAD_NEGATIVES
from stream.records.log import (
    LOG_VERSION,
    Batch,
    Claim,
    ItemChange,
    LoggedEvent,
    Message,
    ProfileChange,
    Record,
    Rows,
    Settlement,
    Step,
    decode_message,
    encode_message,
)
from stream.records.schemas import Item
from stream.state.user import User
from stream.state.users import number
from tests.support.logs import CONFIG, LOG, T, folded, written
from tests.support.site import Site, did


class Tally(Observer):
    def __init__(self) -> None:
        self.at: list[int] = []
        self.folds = 0
        self.errors: list[float] = []
        self.losses: list[float] = []

    def skipped(self, offset: int, error: Exception) -> None:
        self.at.append(offset)

    def folded(self, records: int, offset: int) -> None:
        self.folds += records

    def learned(self, td_errors: Sequence[float], losses: Iterable[Losses]) -> None:
        self.errors += td_errors
        self.losses += [each.click for each in losses]


def message(log: list[bytes], n: int) -> Batch:
    found = decode_message(log[n], n)
    assert isinstance(found, Batch)
    return found


def test_two_replicas_are_equal_bit_for_bit() -> None:
    one, other = folded(LOG), folded(LOG)
    assert one.fingerprint() == other.fingerprint()
    for mine, theirs in zip(one.sources, other.sources, strict=True):
        assert all(np.array_equal(a, theirs.state()[name]) for name, a in mine.state().items())
    assert one.policy.state().keys() == other.policy.state().keys()
    assert written() == LOG


def test_ignored_messages_teach_nothing() -> None:
    second_copy, former_owner = LOG[5], encode_message(msgspec.structs.replace(message(LOG, 5), epoch=-7))
    model = folded([*LOG[:8], second_copy, former_owner, *LOG[8:]])
    learned, others = (copy._replace(acceptance=b"").fingerprint() for copy in (model.copy(), folded(LOG).copy()))
    assert learned == others
    assert model.offset == len(LOG) + 2


def test_drawing_slates_changes_nothing() -> None:
    model = folded(LOG)
    before = model.fingerprint()
    Engine(CONFIG, model).draw([SlateRequest("u", User(), T, "a question")])
    assert model.fingerprint() == before


def changed(n: int, **fields: Any) -> list[bytes]:
    """The log with another event in the first record of message `n`."""
    batch = message(LOG, n)
    step, *others = batch.records
    assert isinstance(step, Step)
    event = msgspec.structs.replace(step.event, **fields) if step.event else None
    records = [msgspec.structs.replace(step, event=event), *others]
    return [*LOG[:n], encode_message(msgspec.structs.replace(batch, records=records)), *LOG[n + 1 :]]


@pytest.mark.parametrize("fields", [{"item_id": "b"}, {"item_id": "brand new"}, {"kind": 2}])
def test_one_other_record_makes_another_fingerprint(fields: dict[str, Any]) -> None:
    n = 2 if "kind" in fields else len(LOG) - 1
    if "kind" in fields:  # a purchase is something else only where a candidate was taken
        n = next(n for n in range(2, len(LOG)) if taken_first(n))
    assert folded(changed(n, **fields)).fingerprint() != folded(LOG).fingerprint()


def taken_first(n: int) -> bool:
    step = message(LOG, n).records[0]
    return (
        isinstance(step, Step)
        and step.rows is not None
        and step.rows.taken
        and step.event is not None
        and step.event.kind != 2
    )


def test_a_missing_last_message_makes_another_fingerprint() -> None:
    prints = [folded(LOG[:n]).fingerprint() for n in range(1, len(LOG) + 1)]
    assert len(set(prints)) == len(LOG)


def test_everything_is_learned_once() -> None:
    seen = Tally()
    model = folded(LOG, seen)
    steps = [record for n in range(1, len(LOG)) for record in message(LOG, n).records if isinstance(record, Step)]
    settled = [step.settled for step in steps if step.settled is not None and step.settled.outcome != "void"]
    rows = [step.rows for step in steps if step.rows is not None and step.event is not None]
    assert (model.catalogue.events, model.skipped, model.offset) == (60, 0, len(LOG))
    assert seen.folds == len(steps) + 8
    assert len(seen.errors) == len(settled) == model.policy.state()["steps"][0] > 20
    assert len(seen.losses) == len(rows) > 20
    learned = [(row.taken + min(HEAD_NEGATIVES, row.uniform), row.taken) for row in rows]
    assert model.ranking.heads.state()["steps"].tolist() == [sum(column) for column in zip(*learned, strict=True)]
    assert len(model.vocabulary) == len({*"abcdefgh"} | {step.event.item_id for step in steps if step.event})


class PickyError(Exception):
    """What a broken learner raises."""


class Picky(Impersonal):
    """A source that counts what it learns, and raises or runs out of memory at some items."""

    name = "picky"

    def __init__(self, refused: int, error: type[BaseException] = PickyError) -> None:
        self.refused, self.error = refused, error
        self.learned: list[int] = []

    def add_item(self, item: int) -> None:
        pass

    def learn_one(self, event: Interaction) -> None:
        if event.item == self.refused:
            raise self.error
        self.learned.append(event.item)

    def state(self) -> dict[str, NDArray[Any]]:
        return {"learned": np.array(self.learned, np.int64)}


def with_source(source: Any, observer: Observer | None = None) -> Model:
    """A model with one more source, which the log's slates do not have."""
    model = Model(CONFIG, observer)
    sources = [*model.sources, cast("Source", source)]
    model._lessons = Lessons(model.vocabulary, sources, Board(sources))
    return model


def test_a_record_that_raises_is_counted_and_skipped_on_every_replica() -> None:
    prints = []
    for _ in range(2):
        seen, source = Tally(), Picky(4)
        model = with_source(source, seen)
        assert {model.fold(decode_message(data, n), n) for n, data in enumerate(LOG)} == {"claimed", "accepted"}
        events = [
            (n, step.event.item_id) for n in range(2, len(LOG)) for step in message(LOG, n).records
            if isinstance(step, Step) and step.event is not None
        ]  # fmt: skip
        assert seen.at == [n for n, item in events if item == "e"]
        assert model.skipped == len(seen.at) > 0
        assert len(source.learned) == len(events) - model.skipped
        prints.append((model.fingerprint(), source.learned))
    assert prints[0] == prints[1]
    others = model.copy()._replace(skipped=0).parts
    assert all(
        np.array_equal(array, others[part][key])
        for part, arrays in folded(LOG).copy().parts.items() for key, array in arrays.items()
    ), "the other sources have learned it all"  # fmt: skip


def test_a_log_of_the_version_before_is_learned_as_if_nothing_were_new() -> None:
    """Its rows have a column less; the same rows of today's width with zeros there teach the same."""
    columns = Model(CONFIG).ranking.columns
    place = columns.index(NEW_SINCE)

    def told(version: int) -> Model:
        model = Model(CONFIG)
        for n, data in enumerate(LOG):
            message = msgspec.structs.replace(decode_message(data, n), version=version)
            records = message.records if isinstance(message, Batch) else []
            for at, step in enumerate(records):
                if isinstance(step, Step) and step.rows is not None:
                    rows = np.frombuffer(step.rows.features, np.uint8).reshape(-1, len(columns)).copy()
                    rows[:, place] = 0
                    rows = np.delete(rows, place, axis=1) if version == 4 else rows
                    kept = msgspec.structs.replace(step.rows, features=rows.tobytes())
                    records[at] = msgspec.structs.replace(step, rows=kept)
            model.fold(message, n)
        return model

    old, new = told(4), told(LOG_VERSION)
    assert old.skipped == new.skipped == 0
    assert old.ranking.mixer.loss > 0
    assert old.fingerprint() == new.fingerprint()


def test_of_a_source_that_learns_one_by_one_only_the_event_that_raises_is_skipped() -> None:
    source = Picky(1)
    model = with_source(source)
    steps = [
        Step("u", LoggedEvent(0, n, f"e{n}", item, 0, T + n, None, None), [], 0, None, None, None)
        for n, item in enumerate("aebec")
    ]
    model.fold(Claim(LOG_VERSION, "users/0", "token"), 0)
    assert model.fold(Batch(LOG_VERSION, "users/0", 0, 0, {}, T, [*steps]), 1) == "accepted"
    assert (source.learned, model.skipped) == ([0, 2, 3], 2)


@pytest.mark.parametrize(
    "step",
    [
        Step(
            "u",
            None,
            [],
            0,
            Settlement("d", "hit", 0, 1.0, 0.0, T, T, "sarsa", 99, ["a"], b"\0", b"\0" * 6, b""),
            None,
            None,
        ),
        Step(
            "u",
            None,
            [],
            0,
            Settlement("d", "miss", -1, 0.0, 0.0, T, T, "sarsa", 0, ["a"], b"\0", b"\0" * 5, b""),
            None,
            None,
        ),
        Step("u", LoggedEvent(0, 0, "e", "a", 0, T, None, None), [], 0, None, None, Rows(b"\1\2\3", True, 1, 1.0)),
    ],
    ids=["state", "offered_ranks", "rows"],
)
def test_an_inconsistent_record_is_skipped(step: Step) -> None:
    seen = Tally()
    model = folded(LOG, seen)
    batch = msgspec.structs.replace(message(LOG, len(LOG) - 1), seq=len(LOG) - 1, records=[step, ItemChange("z", None)])
    assert model.fold(batch, model.offset) == "accepted"
    assert (model.skipped, seen.at) == (1, [len(LOG)])
    assert model.vocabulary.index("z") >= 0


def test_running_out_of_memory_stops_the_worker() -> None:
    first = next(n for n in range(2, len(LOG)) if message(LOG, n).records)
    step = message(LOG, first).records[0]
    assert isinstance(step, Step)
    assert step.event is not None
    model = with_source(Picky(ord(step.event.item_id) - ord("a"), MemoryError))
    for n in range(first):
        model.fold(decode_message(LOG[n], n), n)
    with pytest.raises(MemoryError):
        model.fold(message(LOG, first), first)


def catalogue(*changes: ItemChange) -> Model:
    model = Model(CONFIG)
    messages: list[Message] = [
        Claim(LOG_VERSION, "items/0", "t"),
        Batch(LOG_VERSION, "items/0", 0, 0, {}, 0.0, list(changes)),
    ]
    for n, entry in enumerate(messages):
        model.fold(entry, n)
    return model


def test_item_changes_are_folded() -> None:
    model = catalogue(
        ItemChange("a", Item(item_id="a", title="A", categories=["x", "y"], expires_at=T)),
        ItemChange("b", Item(item_id="b", available=False)),
        ItemChange("c", None),
    )
    found = model.catalogue
    assert model.vocabulary.ids == ["a", "b", "c"]
    assert (found.blocked[:3].tolist(), found.expires[0]) == ([0, 1, 1], T)
    assert found.category[:3].tolist() == [1, 0, 0], "0 is the category of items that nothing is known of"


def test_the_catalogue_grows() -> None:
    model = catalogue(*(ItemChange(f"i{n}", Item(item_id=f"i{n}", available=n != 2999)) for n in range(3000)))
    assert (len(model.vocabulary), model.catalogue.size) == (3000, 3000)
    assert model.catalogue.blocked[2998:3000].tolist() == [0, 1]
    assert len(Engine(CONFIG, model).draw([SlateRequest("u", User(), T, "x")])[0].items) == 4
    for n, user in enumerate("uv"):
        batch = Batch(
            LOG_VERSION,
            "items/0",
            0,
            1 + n,
            {},
            0.0,
            [Step(user, LoggedEvent(0, n, "e", "i2500", 0, T, None, None), [], 0, None, None, None)],
        )
        assert model.fold(batch, 2 + n) == "accepted"
    assert model.skipped == 0
    assert 2500 in model.ranker.candidates("u", User(), T, 4).lists[0]


# Snapshots


@pytest.mark.parametrize("at", [1, 2, 7, len(LOG)])
@pytest.mark.parametrize("policy", ["sarsa", "q_learning", "disagreement", "ranked"])
def test_a_restored_model_continues_like_the_original(at: int, policy: Any) -> None:
    config = Config(slate=Slate(slots=4), policy=Policy(name=policy, epsilon=0.3))
    log = written(config=config)
    whole, first, heir = Model(config), Model(config), Model(config)
    for offset, data in enumerate(log):
        whole.fold(decode_message(data, offset), offset)
        if offset < at:
            first.fold(decode_message(data, offset), offset)
    heir.restore(ModelCopy.decode(first.copy().encode()))
    assert heir.fingerprint() == first.fingerprint()
    for offset in range(at, len(log)):
        heir.fold(decode_message(log[offset], offset), offset)
    assert heir.fingerprint() == whole.fingerprint()
    assert (heir.offset, heir.acceptance.shards) == (whole.offset, whole.acceptance.shards)
    slates = [
        Engine(config, model).draw([SlateRequest("u", User(), T + 9e9, "one name")])[0].items.tolist()
        for model in (heir, whole)
    ]
    assert slates[0] == slates[1]


def test_restoring_nothing_is_an_empty_model() -> None:
    model = folded(LOG)
    model.restore(None)
    assert model.fingerprint() == Model(CONFIG).fingerprint()
    assert model.offset == 0


def test_expiring_items_still_expire_after_a_restore() -> None:
    model, heir = Model(CONFIG), Model(CONFIG)
    model.fold(Claim(LOG_VERSION, "items/0", "t"), 0)
    items: list[Record] = [ItemChange(item, Item(item_id=item, expires_at=T + n)) for n, item in enumerate("abc")]
    model.fold(Batch(LOG_VERSION, "items/0", 0, 0, {}, T, items), 1)
    heir.restore(ModelCopy.decode(model.copy().encode()))
    for each in (model, heir):
        each.fold(Batch(LOG_VERSION, "items/0", 0, 1, {}, T + 1, []), 2)
    assert heir.catalogue.blocked[:3].tolist() == model.catalogue.blocked[:3].tolist() == [1, 1, 0]


def test_items_described_again_take_no_more_memory() -> None:
    model = Model(CONFIG)
    model.fold(Claim(LOG_VERSION, "items/0", "t"), 0)
    again: list[Record] = [ItemChange("a", Item(item_id="a", expires_at=T + n)) for n in range(500)]
    model.fold(Batch(LOG_VERSION, "items/0", 0, 0, {}, T - 1, again), 1)
    assert len(model.catalogue._expiring) < 30


def test_items_beyond_the_limit_are_counted_and_not_learned() -> None:
    seen = Crowded()
    model = Model(msgspec.structs.replace(CONFIG, sources=Sources(max_items=3)), seen)
    for data in LOG:
        model.fold(decode_message(data, model.offset), model.offset)
    assert (model.vocabulary.ids, model.skipped) == (["a", "b", "c"], 0)
    assert seen.refused > 5


class Crowded(Observer):
    refused = 0

    def no_room(self) -> None:
        self.refused += 1


# Forgetting


def test_a_forgotten_user_leaves_no_trace_in_the_model() -> None:
    site = Site("abcdef", policy=Policy(name="ranked"))
    for n in range(12):
        site.take(did("shy", "abc"[n % 3], T + n), did("bold", "cde"[n % 3], T + n))

    def mentioned(user: str) -> set[str]:
        parts = site.model.copy().parts
        return {
            f"{part}.{key}"
            for part, arrays in parts.items()
            for key, array in arrays.items()
            if array.dtype == np.int64 and number(user) in array
        }

    assert {place.split(".")[0] for place in mentioned("shy")} == {"session_neighbours", "user_neighbours"}
    bold = mentioned("bold")
    site.take(ProfileChange("shy", None))
    assert mentioned("shy") == set()
    assert mentioned("bold") == bold
    assert site.model.skipped == 0
