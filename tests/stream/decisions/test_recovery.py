"""Taking over a shard: after a crash anywhere between two writes, every input event has happened exactly once."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec
import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.config import Config, Rewards, Slate
from stream.decisions.engine import Engine
from stream.decisions.recovery import Claimed, Recovery
from stream.decisions.shard import Shard
from stream.model.fold import Model
from stream.observe import Observer
from stream.records.acceptance import Acceptance, ShardState
from stream.records.codec import encode
from stream.records.log import (
    LOG_VERSION,
    Batch,
    Claim,
    LoggedEvent,
    Message,
    ProfileChange,
    Step,
    decode_message,
    encode_message,
)
from stream.records.schemas import Event
from stream.records.topics import EVENT_KINDS, USER_TOPICS
from stream.state.stored_users import stored
from stream.state.users import Users
from stream.worker.intake import Intake
from tests.support.site import MINUTE, Site, did, steps
from tests.support.users import encoded

T = 1_700_000_000.0
GAP = 1800.0
LISTS = Model(Config()).lists


# By hand


def step(user: str, item: str, time: float = T) -> Step:
    return Step(user, LoggedEvent(0, 0, f"{user}-{item}-{time}", item, 0, time, None, None), [], 0, None, None, None)


def batch(shard: str, epoch: int, seq: int, views: int, *records: Step | ProfileChange) -> Batch:
    return Batch(LOG_VERSION, shard, epoch, seq, {"events.view": views}, T + views, list(records))


def take_over(shard: str, token: str, log: Sequence[Message]) -> Recovery:
    """What a worker makes of the log whose claim of `shard` has this token."""
    rules = Acceptance()
    for offset, message in enumerate(log):
        rules.judge(message, offset)
        if isinstance(message, Claim) and message.token == token:
            break
    recovery = Recovery(shard, Claimed(offset, rules.shards[shard], None), [], GAP, LISTS)
    for at, message in enumerate(log):
        recovery.read(message, at)
    return recovery


def seen(users: Users) -> dict[str, list[str]]:
    return {user_id: list(user.seen) for user_id, user in users.items()}


INTERLEAVED: list[Message] = [
    Claim(LOG_VERSION, "users/0", "a0"),
    Claim(LOG_VERSION, "users/1", "a1"),
    batch("users/0", 0, 0, 2, step("u", "x")),
    batch("users/1", 1, 0, 9, step("v", "y")),
    batch("users/0", 0, 1, 3, step("u", "z", T + 1)),
    Claim(LOG_VERSION, "users/1", "b1"),
    batch("users/1", 1, 1, 12, step("v", "late")),
    batch("users/1", 5, 0, 10, step("v", "w", T + 1)),
    batch("users/0", 0, 3, 9, step("u", "behind a hole")),
    Claim(LOG_VERSION, "users/0", "b0"),
    batch("users/0", 0, 2, 4, step("u", "late")),
]


def test_sources_and_claims_interleaved() -> None:
    found = [take_over("users/0", "b0", INTERLEAVED), take_over("users/1", "b1", INTERLEAVED)]
    assert [(recovery.claimed.epoch, recovery.claimed.state) for recovery in found] == [
        (9, ShardState(9, 0, {"events.view": 3}, T + 3, 5)),
        (5, ShardState(5, 0, {"events.view": 9}, T + 9, 4, since=1)),
    ]
    assert [seen(recovery.users) for recovery in found] == [{"u": ["x", "z"]}, {"v": ["y"]}]


def test_a_later_claim_takes_over_what_the_former_owner_did_in_time() -> None:
    found = take_over("users/1", "c1", [*INTERLEAVED, Claim(LOG_VERSION, "users/1", "c1")])
    assert (found.claimed.epoch, found.claimed.state.next) == (11, {"events.view": 10})
    assert seen(found.users) == {"v": ["y", "w"]}


def test_an_untouched_source_starts_empty() -> None:
    found = take_over("users/7", "t", [*INTERLEAVED, Claim(LOG_VERSION, "users/7", "t")])
    assert (found.claimed.state, found.users) == (ShardState(11, 0, {}, 0.0, since=11), {})


def test_a_forgotten_user_stays_forgotten() -> None:
    log = (
        Claim(LOG_VERSION, "users/0", "a"),
        batch("users/0", 0, 0, 3, step("u", "x"), step("v", "x"), ProfileChange("u", None)),
    )
    found = take_over("users/0", "b", [*log, Claim(LOG_VERSION, "users/0", "b")])
    assert seen(found.users) == {"v": ["x"]}


# Crashes


class Written(NamedTuple):
    """A Kafka record of an input topic."""

    topic: str
    shard: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes


Input = dict[TP, list[Written]]
CONFIG = Config(slate=Slate(slots=3))


def written(drawn: list[tuple[str, str, str, int, int]]) -> Input:
    topics: Input = {TP(name, 0): [] for name in EVENT_KINDS}
    for n, (name, user, item, event_id, wait) in enumerate(drawn):
        event = Event(event_id=str(event_id), user_id=user, item_id=item, timestamp=T + n + wait)
        log = topics[TP(name, 0)]
        log.append(Written(name, 0, len(log), int(T + n) * 1000, user.encode(), encode(event)))
    return topics


class Owner:
    """A worker that owns the shard, as far as the log is concerned."""

    def __init__(self, log: list[bytes], token: str) -> None:
        log.append(encode_message(Claim(LOG_VERSION, "users/0", token)))
        recovery = take_over("users/0", token, [message for _, message in messages(log)])
        epoch, state, _ = recovery.claimed
        self.recovered = encoded(recovery.users)
        self.model = Model(CONFIG)
        for offset, message in messages(log):
            self.model.fold(message, offset)
        self.engine, self.intake = Engine(CONFIG, self.model), Intake(CONFIG, Observer())
        self.shard = Shard("users/0", epoch, CONFIG.rewards, users=recovery.users, watermark=state.watermark)
        self.shard.next = {topic.name: state.next.get(topic.name, 0) for topic in USER_TOPICS}

    def poll(self, shard: Input, size: int) -> bytes | None:
        """One batch of at most `size` records of each topic; None when everything has been read."""
        fetched = [(tp, log[self.shard.next[tp.topic] :][:size]) for tp, log in shard.items()]
        reading = self.intake.read(self.shard.next, [(tp, found) for tp, found in fetched if found], T + 1e6)
        assert not reading.seek
        if not reading.parts:
            return None
        (taken,) = reading.parts
        return encode_message(self.engine.batch(self.shard, taken.arrivals, taken.next))

    def on_log_message(self, log: list[bytes]) -> None:
        """Fold what is new in the log."""
        for offset, message in messages(log)[self.model.offset :]:
            self.model.fold(message, offset)


def messages(log: list[bytes]) -> list[tuple[int, Message]]:
    return [(offset, decode_message(data, offset)) for offset, data in enumerate(log)]


def accepted(log: list[bytes]) -> list[Step]:
    rules, found = Acceptance(), []
    for offset, message in messages(log):
        if rules.judge(message, offset) == "accepted" and isinstance(message, Batch):
            found += [record for record in message.records if isinstance(record, Step)]
    return found


def events(log: list[bytes]) -> list[tuple[int, int, str]]:
    """Accepted events as (topic, offset, id), topic by topic in the order of acceptance."""
    found = [(s.event.topic, s.event.offset, f"{s.user_id}/{s.event.event_id}") for s in accepted(log) if s.event]
    return sorted(found, key=lambda entry: entry[0])


def uninterrupted(shard: Input, size: int) -> tuple[list[bytes], Owner]:
    log: list[bytes] = []
    owner = Owner(log, "only")
    while (message := owner.poll(shard, size)) is not None:
        log.append(message)
        owner.on_log_message(log)
    return log, owner


def interrupted(shard: Input, size: int, after: int, under_way: int, late: bool) -> tuple[list[bytes], Owner]:
    """The first owner crashes when `after` batches are in the log and `under_way` more were proposed.

    Those are lost, or (`late`) come after the claim of the second owner, as after a long pause.
    """
    log: list[bytes] = []
    first = Owner(log, "first")
    for _ in range(after):
        if (message := first.poll(shard, size)) is not None:
            log.append(message)
            first.on_log_message(log)
    lost = [message for _ in range(under_way) if (message := first.poll(shard, size)) is not None]
    second = Owner(log, "second")
    if late:
        log += lost
        second.on_log_message(log)
    while (message := second.poll(shard, size)) is not None:
        log.append(message)
        second.on_log_message(log)
    return log, second


DRAWN = st.lists(
    st.tuples(
        st.sampled_from(sorted(EVENT_KINDS)), st.sampled_from("uvw"), st.sampled_from("abcd"), st.integers(0, 40),
        st.sampled_from([0, 0, 0, -5, 60, 4000]),
    ),
    min_size=1, max_size=24,
)  # fmt: skip


def habits(users: Users) -> dict[str, object]:
    """What the events alone decide: slates differ by owner, their names hold the claim."""
    return {user_id: msgspec.structs.replace(stored(user), open=None) for user_id, user in sorted(users.items())}


@settings(deadline=None, derandomize=True, max_examples=40)
@given(DRAWN, st.integers(1, 4), st.integers(0, 5), st.integers(0, 3), st.booleans())
def test_no_event_is_lost_or_comes_twice_whenever_the_owner_crashes(
    drawn: list[tuple[str, str, str, int, int]], size: int, after: int, under_way: int, late: bool
) -> None:
    shard = written(drawn)
    whole, owner = uninterrupted(shard, size)
    log, heir = interrupted(shard, size, after, under_way, late)
    assert events(log) == events(whole)
    assert len({name for _, _, name in events(log)}) == len(events(log))
    assert heir.shard.next == owner.shard.next
    assert heir.shard.watermark == owner.shard.watermark
    assert habits(heir.shard.users) == habits(owner.shard.users)
    last = Owner(log, "last")
    assert last.recovered == encoded(heir.shard.users)
    assert (last.shard.next, last.shard.watermark) == (heir.shard.next, heir.shard.watermark)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(DRAWN, st.integers(1, 4), st.integers(0, 5), st.integers(0, 3))
def test_a_decision_is_settled_at_most_once_by_a_later_record_than_the_one_that_made_it(
    drawn: list[tuple[str, str, str, int, int]], size: int, after: int, under_way: int
) -> None:
    log, _ = interrupted(written(drawn), size, after, under_way, late=True)
    open_: dict[str, str] = {}
    for record in accepted(log):
        if record.settled is not None:
            assert open_.pop(record.user_id) == record.settled.decision_id
        if record.decision is not None:
            assert record.user_id not in open_
            open_[record.user_id] = record.decision.decision_id


@pytest.mark.parametrize("under_way", [0, 1, 2, 7])
@pytest.mark.parametrize("after", range(8))
def test_every_crash_point_of_one_run(after: int, under_way: int) -> None:
    names = sorted(EVENT_KINDS)
    shard = written([(names[n * n % 3], "uvw"[n % 3], "abcd"[n * n % 4], n, 0) for n in range(20)])
    whole, _ = uninterrupted(shard, 1)
    assert len(whole) == 1 + max(len(log) for log in shard.values())
    log, _ = interrupted(shard, 1, after, under_way, late=under_way % 2 == 0)
    assert events(log) == events(whole)
    assert [len(list(group)) for _, group in groupby(events(log), lambda entry: entry[0])] == [
        len(shard[TP(topic.name, 0)]) for topic in USER_TOPICS if len(shard.get(TP(topic.name, 0), []))
    ]


def test_the_owner_that_was_overtaken_is_ignored_for_good() -> None:
    shard = written([("events.view", "u", "abcd"[n % 4], n, 0) for n in range(12)])
    log: list[bytes] = []
    first = Owner(log, "first")
    log += [first.poll(shard, 2) or b"" for _ in range(2)]
    second = Owner(log, "second")
    log += [owner.poll(shard, 2) or b"" for owner in (first, second, first, second, first)]
    second.on_log_message(log)
    assert [entry[1] for entry in events(log)] == list(range(8))
    rules = Acceptance()
    assert [rules.judge(message, offset) for offset, message in messages(log)] == [
        "claimed", "accepted", "accepted", "claimed", "fenced", "accepted", "fenced", "accepted",
        "fenced",
    ]  # fmt: skip


# Refreshed slates


def test_refreshed_slates_are_recovered_and_refreshed_again() -> None:
    there = Site("abc", slate=Slate(slots=5, refresh_s=5 * MINUTE, refresh_active_s=20 * MINUTE))
    messages = [there.take(did("u", "a")), there.take(did("v", "a", T + 6 * MINUTE))]
    refreshed = there.engine.refresh(there.shard, 9)
    assert refreshed is not None
    messages.append(refreshed)
    state = ShardState(0, 3, {}, there.shard.watermark, changed=4)
    recovery = Recovery("users/0", Claimed(9, state, None), [], Rewards().session_gap_s, there.model.lists)
    recovery._rules.shards["users/0"] = ShardState(0, 1, {}, 0.0)
    for offset, message in enumerate(messages, start=1):
        recovery.read(message, offset)
    assert encoded(recovery.users) == encoded(there.shard.users)
    shard = Shard("users/0", 9, there.config.rewards, users=recovery.users, watermark=T + 12 * MINUTE)
    again = Engine(there.config, there.model).refresh(shard, 9)
    assert again is not None
    assert sorted(step.user_id for step in steps(again)) == ["u", "v"]
