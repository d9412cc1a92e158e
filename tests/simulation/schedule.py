"""What happens in one simulation: input records and faults, drawn from a seed, or fewer of them."""

import random
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from stream.records.codec import encode
from stream.records.requests import Request
from stream.records.schemas import KINDS, Event, Experiment, Item, Profile, Settings, Variant
from stream.records.topics import (
    EVENT_KINDS,
    EVENT_TOPICS,
    EXPERIMENTS,
    ITEMS,
    LOG,
    MODEL_SNAPSHOTS,
    OUTCOMES,
    RECOMMENDATIONS,
    REQUESTS,
    RESPONSES,
    USER_SNAPSHOTS,
    USER_TOPICS,
    USERS,
)

EPOCH = 1_700_000_000.0  # unix seconds of the start
PARTITIONS = 2
SLOTS = 3  # places for workers
INPUT_S = 20.0  # input arrives for so long
FAULTS_S = 25.0  # and faults happen for so long
WINDOW_S, GAP_S = 6.0, 9.0  # of the rewards: short, so that silence and the ends of sessions occur
IDLE_S = 8.0  # and so that users leave
KEPT = (*(topic for topic in USER_TOPICS if topic is not REQUESTS), ITEMS)  # what must be read before it is deleted
_ACTED = frozenset(topic.name for topic in EVENT_TOPICS.values())
AWAY_S = (3.0, 16.0)  # in some schedules a user is away so long


class Input(NamedTuple):
    """A record of an input topic."""

    at: float
    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


class SendFault(NamedTuple):
    """What becomes of the n-th request to a topic."""

    topic: str
    nth: int
    how: Literal["lost", "unacknowledged", "late", "twice"]
    delay: float


class ProcessFault(NamedTuple):
    """What happens to the process in a place for workers; `amount` in seconds, or a number of steps or appends.

    `pause_chunk`: whoever writes that chunk of a snapshot of users sleeps past its session.
    """

    at: float
    kind: Literal[
        "crash",
        "crash_step",
        "crash_append",
        "pause",
        "pause_chunk",
        "leave",
        "slow",
        "rebuild",
        "rebalance",
        "corrupt",
        "clock",
    ]
    slot: int
    amount: float


class Deletion(NamedTuple):
    """Retention: this share of what an input topic still has is deleted, the oldest first, read or not."""

    at: float
    topic: str
    partition: int
    share: float


class Schedule(NamedTuple):
    """All of it. Faults and inputs can be left out one at a time; the rest stays as it is."""

    seed: int
    workers: int
    keeps_polls: bool  # whether polls that were fetched outlive a rebalance
    inputs: tuple[Input, ...]
    process_faults: tuple[ProcessFault, ...]
    send_faults: tuple[SendFault, ...]
    deletions: tuple[Deletion, ...] = ()
    remakes: tuple[tuple[float, str], ...] = ()  # when an input topic is deleted and made again, as an empty one
    placed: bool = False  # whether the site has placements beside home

    def __str__(self) -> str:
        faults = [f"  {fault}" for fault in (*self.process_faults, *self.send_faults, *self.deletions, *self.remakes)]
        head = f"seed {self.seed}, {self.workers} workers, keeps_polls={self.keeps_polls}, {len(self.inputs)} inputs"
        return "\n".join([head, *faults, *(f"  {entry}" for entry in self.inputs)])


def draw(seed: int) -> Schedule:
    """The schedule of a seed."""
    rng = random.Random(f"{seed}/shape")
    workers = rng.choice((1, 2, 2, 3))
    keeps_polls, faults = rng.random() < 0.5, tuple(_process_faults(seed, workers))
    return Schedule(
        seed, workers, keeps_polls, tuple(_with_leave(seed)), faults, tuple(_send_faults(seed)),
        tuple(_deletions(seed, faults)),
    )  # fmt: skip


def placed(seed: int) -> Schedule:
    """The schedule of a seed, on a site with placements; events may name a decision that there is, or was."""
    rng, schedule, inputs = random.Random(f"{seed}/placed"), draw(seed), list[Input]()
    for each in schedule.inputs:
        value = each.value
        if each.topic == REQUESTS.name:
            request = msgspec.json.decode(value or b"", type=Request)
            value = encode(replace(request, placement=rng.choice(("home", "cart", "mail", "side", "side", "kart"))))
        elif each.topic in EVENT_KINDS and value and rng.random() < 0.3 and value.startswith(b'{"event_id"'):
            named = f"{rng.randrange(5)}.{rng.randrange(6)}.{rng.randrange(3)}{rng.choice(('', '', '.cart'))}"
            value = encode(replace(msgspec.json.decode(value, type=Event), decision_id=named))
        inputs.append(each._replace(value=value))
    return schedule._replace(inputs=tuple(inputs), placed=True)


def rough(seed: int) -> Schedule:
    """The schedule of a seed, with many more faults of one sort."""
    rng = random.Random(f"{seed}/rough")
    schedule = draw(seed)
    sort = rng.choice(("storm", "sends", "rebuilds", "slow rebuilds", "drought"))
    if sort == "drought":
        return dry(seed)
    if sort == "sends":
        more = tuple(_more_send_faults(rng))
        return schedule._replace(send_faults=schedule.send_faults + more)
    faults = tuple(_more_process_faults(rng, sort, schedule.workers))
    return schedule._replace(process_faults=schedule.process_faults + faults)


def dry(seed: int) -> Schedule:
    """The schedule of a seed, with times in which nobody reads and retention takes the oldest, or all."""
    rng = random.Random(f"{seed}/dry")
    schedule, pauses, deletions = draw(seed), list[ProcessFault](), list[Deletion]()
    for n in range(3):
        at = 3.0 + 6.0 * n + rng.random()
        pauses += [ProcessFault(at, "pause", slot, 2.0 + 2.0 * rng.random()) for slot in range(schedule.workers)]
        deletions += [
            Deletion(at + 0.5 + 1.4 * rng.random(), topic.name, partition, rng.choice((0.9, 1.0, 1.0)))
            for topic in KEPT
            for partition in range(1 if topic is ITEMS else PARTITIONS)
            if rng.random() < 0.6
        ]
    return schedule._replace(
        process_faults=schedule.process_faults + tuple(pauses), deletions=schedule.deletions + tuple(deletions)
    )


def asking(seed: int) -> Schedule:
    """The schedule of a seed, with users who ask as soon as they have acted, or a little later, and failing answers."""
    rng = random.Random(f"{seed}/asking")
    schedule, more = draw(seed), list[Input]()
    for n, entry in enumerate(schedule.inputs):
        if entry.topic in _ACTED and rng.random() < 0.5:
            at = entry.at + rng.choice((0.0, 0.001, 0.02, 0.3, 2.0))
            request = Request(
                request_id=f"a{n}", user_id=(entry.key or b"").decode(), deadline_ms=rng.choice((None, None, 300)),
                timestamp=rng.choice((None, EPOCH + at)),
            )  # fmt: skip
            more.append(Input(at, REQUESTS.name, entry.partition, entry.key, encode(request)))
    faults = tuple(
        SendFault(RESPONSES.name, rng.randrange(40), rng.choice(("lost", "unacknowledged", "late", "twice")), delay)
        for delay in (0.01, 0.3, 2.0)
    )
    inputs = tuple(sorted((*schedule.inputs, *more), key=lambda entry: entry.at))
    return schedule._replace(inputs=inputs, send_faults=schedule.send_faults + faults)


def _more_send_faults(rng: random.Random) -> Iterator[SendFault]:
    topics = (LOG, LOG, RECOMMENDATIONS, RESPONSES, OUTCOMES, USER_SNAPSHOTS, MODEL_SNAPSHOTS)
    for _ in range(14):
        how = rng.choice(("lost", "late", "twice", "unacknowledged"))
        yield SendFault(rng.choice(topics).name, rng.randrange(80), how, rng.choice((0.01, 0.3, 2.0, 8.0)))  # type: ignore[arg-type]


def _more_process_faults(rng: random.Random, sort: str, workers: int) -> Iterator[ProcessFault]:
    for _ in range(12):
        slot = rng.randrange(workers)
        if sort == "rebuilds":
            yield ProcessFault(0.3 + rng.random() * 3.5, "rebuild", slot, 0.0)
        elif sort == "slow rebuilds":
            at = 3.0 + rng.random() * 20.0
            yield ProcessFault(at, "slow", slot, rng.choice((50.0, 200.0)))
            yield ProcessFault(at + rng.random() * 2.0, "rebuild", slot, 0.0)
        else:
            kind = rng.choice(("crash", "pause", "pause", "leave", "rebalance", "rebalance", "slow", "clock"))
            yield ProcessFault(rng.random() * FAULTS_S, kind, slot, rng.choice((0.3, 1.0, 3.2, 6.0)))  # type: ignore[arg-type]


def _with_leave(seed: int) -> list[Input]:
    """The inputs; in some schedules a user is away for a while, and perhaps comes back."""
    rng = random.Random(f"{seed}/leave")
    inputs = sorted((*_inputs(seed), *_experiments(seed), *_requests(seed)), key=lambda entry: entry.at)
    if rng.random() < 0.6:
        return inputs
    away, (start, end) = f"u{rng.randrange(2)}".encode(), AWAY_S
    return [entry for entry in inputs if entry.key != away or not start < entry.at < end]


def _deletions(seed: int, faults: tuple[ProcessFault, ...]) -> Iterator[Deletion]:
    """In some schedules: mostly while somebody may not be reading."""
    rng = random.Random(f"{seed}/retention")
    if rng.random() < 0.7:
        return
    for _ in range(rng.randint(1, 4)):
        fault = rng.choice([None, *faults])
        at = rng.random() * INPUT_S if fault is None else fault.at + rng.random() * 3.0
        topic = rng.choice(KEPT)
        yield Deletion(at, topic.name, 0 if topic is ITEMS else rng.randrange(PARTITIONS), rng.choice((0.5, 0.9, 1.0)))


def _inputs(seed: int) -> Iterator[Input]:
    rng = random.Random(f"{seed}/inputs")
    items = [f"i{n}" for n in range(rng.randint(5, 12))]
    users = [f"u{n}" for n in range(rng.randint(2, 6))]
    for item in items[: rng.randint(1, len(items))]:
        record = Item(item_id=item, categories=[rng.choice(("c", "d"))])
        yield Input(0.1, ITEMS.name, 0, item.encode(), encode(record))
    times = sorted(rng.random() * INPUT_S for _ in range(rng.randint(30, 60)))
    if rng.random() < 0.3:  # bursts
        times = sorted(at - at % 4.0 for at in times)
    events: list[Input] = []
    for n, at in enumerate(times):
        user, chance = rng.choice(users), rng.random()
        partition = users.index(user) % PARTITIONS
        if chance < 0.06:
            value = None if rng.random() < 0.7 else encode(Profile(user_id=user, attributes={"n": n}))
            yield Input(at, USERS.name, partition, user.encode(), value)
        elif chance < 0.09:
            item = rng.choice(items)
            value = None if rng.random() < 0.5 else encode(Item(item_id=item, categories=["e"], available=n % 2 == 0))
            yield Input(at, ITEMS.name, 0, item.encode(), value)
        elif chance < 0.12:
            yield Input(at, EVENT_TOPICS["click"].name, partition, user.encode(), b"not JSON")
        elif chance < 0.17 and events:
            yield rng.choice(events[-6:])._replace(at=at)
        else:
            kind = rng.choice(KINDS)
            time = EPOCH + at - rng.choice((0, 0, 0, 0, 3, 12))
            session = rng.choice((None, None, f"s{n // 8}"))
            event = Event(event_id=f"e{n}", user_id=user, item_id=rng.choice(items), timestamp=time, session_id=session)
            events.append(Input(at, EVENT_TOPICS[kind].name, partition, user.encode(), encode(event)))
            yield events[-1]


def _requests(seed: int) -> Iterator[Input]:
    """In most schedules: users ask for slates, and strangers do, who may never do anything."""
    rng = random.Random(f"{seed}/requests")
    if rng.random() < 0.3:
        return
    for n in range(rng.randint(4, 16)):
        at, number = rng.random() * INPUT_S, rng.randrange(8)
        request = Request(
            request_id=f"r{n}", user_id=f"u{number}", k=rng.choice((None, None, 1)), exclude=rng.choice(([], ["i0"])),
            deadline_ms=rng.choice((None, None, 300)), timestamp=rng.choice((None, EPOCH + at)),
        )  # fmt: skip
        yield Input(at, REQUESTS.name, number % PARTITIONS, request.user_id.encode(), encode(request))


def _experiments(seed: int) -> Iterator[Input]:
    """In some schedules: one or two experiments begin; the first may end, or give way to the second."""
    rng = random.Random(f"{seed}/experiments")
    if rng.random() < 0.5:
        return
    for n, at in enumerate(sorted(rng.random() * INPUT_S * 0.8 for _ in range(rng.choice((1, 1, 2))))):
        shadow: Settings = {"policy": {"name": "sarsa"}}
        experiment = Experiment(
            name=f"x{n}", starts_at=EPOCH + at, ramp_s=rng.choice((0.0, 10.0)), holdout=rng.choice((0.0, 0.2)),
            variants=[
                Variant(name="control", share=0.5),
                Variant(name="bold", share=0.5, settings={"policy": {"name": "q_learning", "epsilon": 0.5}}),
            ],
            shadow=rng.choice((None, shadow)),
        )  # fmt: skip
        yield Input(at, EXPERIMENTS.name, 0, experiment.name.encode(), encode(experiment))
        if rng.random() < 0.4:
            yield Input(at + rng.random() * 15.0, EXPERIMENTS.name, 0, experiment.name.encode(), None)


def _process_faults(seed: int, workers: int) -> Iterator[ProcessFault]:
    rng = random.Random(f"{seed}/faults")
    for _ in range(rng.choice((0, 1, 2, 3, 4, 6))):
        at, slot = rng.random() * FAULTS_S, rng.randrange(workers)
        kind = rng.choice(("crash", "crash_step", "crash_append", "crash_append", "pause", "pause", "pause", "leave",
                            "slow", "rebuild", "rebalance"))  # fmt: skip
        amount = {
            "crash": rng.choice((0.2, 1.0, 6.0)),
            "crash_step": float(rng.randint(1, 4000)),
            "crash_append": float(rng.randint(1, 250)),
            "pause": rng.choice((0.3, 1.0, 2.9, 3.1, 5.0, 9.0)),
            "leave": rng.choice((0.2, 2.0, 8.0)),
            "slow": rng.choice((20.0, 100.0)),
            "rebuild": 0.0,
            "rebalance": 0.0,
        }[kind]
        yield ProcessFault(at, kind, slot, amount)  # type: ignore[arg-type]  # the choices are written out above


def _send_faults(seed: int) -> Iterator[SendFault]:
    rng = random.Random(f"{seed}/sends")
    topics = [LOG, LOG, LOG, RECOMMENDATIONS, OUTCOMES, USER_SNAPSHOTS]
    for _ in range(rng.choice((0, 0, 1, 2, 4))):
        topic = rng.choice(topics)
        nth = rng.randrange({LOG.name: 120, RECOMMENDATIONS.name: 60, OUTCOMES.name: 25}.get(topic.name, 15))
        how = rng.choice(("lost", "unacknowledged", "late", "twice", "twice"))
        yield SendFault(topic.name, nth, how, rng.choice((0.01, 0.3, 2.0, 8.0)))  # type: ignore[arg-type]


def shortest(schedule: Schedule, fails: Callable[[Schedule], bool], tries: int = 300) -> Schedule:
    """A smaller schedule that still fails: faults and inputs are left out one at a time, halves of the inputs first."""
    for smaller in _smaller(schedule):
        if tries <= 0:
            break
        tries -= 1
        candidate = smaller(schedule)
        if candidate != schedule and fails(candidate):
            schedule = candidate
    return schedule


def _smaller(first: Schedule) -> Iterator[Callable[[Schedule], Schedule]]:
    for fault in first.process_faults:
        yield lambda s, f=fault: s._replace(process_faults=tuple(x for x in s.process_faults if x is not f))  # type: ignore[misc]
    for sent in first.send_faults:
        yield lambda s, f=sent: s._replace(send_faults=tuple(x for x in s.send_faults if x is not f))  # type: ignore[misc]
    for deletion in first.deletions:
        yield lambda s, d=deletion: s._replace(deletions=tuple(x for x in s.deletions if x is not d))  # type: ignore[misc]
    size = len(first.inputs) // 2
    while size:
        for start in range(0, len(first.inputs), size):
            gone = {id(entry) for entry in first.inputs[start : start + size]}
            yield lambda s, g=gone: s._replace(inputs=tuple(x for x in s.inputs if id(x) not in g))  # type: ignore[misc]
        size //= 2
