"""What policies, ranking and drift watch learn of the steps of a message: collected, then learned by compiled code."""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits import Policy, Queues
from learners.arrays.grow import grown
from learners.arrays.handle import Handle
from learners.drift import take_event
from stream.experiments.variants import Variants
from stream.model.drift_watch import Watch, watch_rows, watch_slate
from stream.model.outcomes import drawn_part, outcome
from stream.observe import Losses, Observer
from stream.ranking.score import Ranking, learn_step, losses
from stream.records.log import Rows, Settlement, Step
from stream.records.schemas import UNLEARNED

MISS, HIT, ROWS, EVENT = range(4)  # what there is to learn: a slate without and with a hit, rows, an event that passed
_ROOM = 512


class Tasks(NamedTuple):
    """What there is to learn, in order, for compiled code; the k-th rows belong to the k-th task of that kind."""

    kinds: NDArray[np.uint8]  # [tasks]
    features: NDArray[np.uint8]  # of all rows
    starts: NDArray[np.int64]  # [rows + 1] in `features`
    taken: NDArray[np.bool_]  # [rows], as in `Rows`
    uniform: NDArray[np.int64]  # [rows]
    rates: NDArray[np.float64]  # [rows]
    purchased: NDArray[np.bool_]  # [rows]
    learned: NDArray[np.float64]  # [rows, 4], written: see `learn_step`
    done: NDArray[np.int64]  # [2] tasks and rows that were begun


class _Bench(NamedTuple):
    """All that is worked with, each part behind a handle of its own: see `Desk`."""

    ranking: Any  # `Learning`
    watch: Any  # `Watching`
    tasks: Any  # `Tasks`


@njit(cache=True)
def _work(held: Any, count: int) -> bool:
    """Work on the tasks until an alarm has to be answered, or is to fall; return whether there is one."""
    ranking, watch, tasks = held.it
    kinds, features, starts, taken, uniform, rates, purchased, learned, done = tasks.it
    while done[0] < count:
        kind = kinds[done[0]]
        done[0] += 1
        raised = False
        if kind == EVENT:
            raised = take_event(watch.it.measures)
        elif kind == ROWS:
            k = done[1]
            done[1] += 1
            rows = features[starts[k] : starts[k + 1]]
            learn_step(ranking.it, rows, taken[k], uniform[k], rates[k], purchased[k], learned[k])
            raised = watch_rows(watch.it, rows, taken[k], purchased[k], learned[k])
        else:
            raised = watch_slate(watch.it, kind == HIT)
        if raised:
            return True
    return False


class Practice:
    """Collects what policies, ranking and watch are to learn of some steps: `learn` it while there is any `waiting`."""

    def __init__(self, ranking: Ranking, watch: Watch, variants: Variants, observer: Observer) -> None:
        self._ranking, self._watch, self._variants, self._observer = ranking, watch, variants, observer
        self._lists = 1 + len(watch.arrays.columns)
        self._handles = [Handle() for _ in _Bench._fields]
        self._handle, self._bench = Handle(), _Bench(None, None, None)
        self._laid: tuple[Any, Any, Any] = (None, None, None)  # what the bench is made of
        self._count = self._rows = self._used = 0  # tasks, rows among them, bytes of their features
        self._queued: dict[int, tuple[Queues, bool]] = {}  # by identity; whether the observer is told what they learn
        self._errors: list[float] = []  # TD errors of what was learned, for the observer
        self.answered = False  # whether alarms were, so that learners have another pace; set back by who heeds it
        self._tasks = Tasks(
            np.zeros(0, np.uint8), np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.bool_),
            np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.bool_), np.zeros((0, 4)), np.zeros(2, np.int64),
        )  # fmt: skip
        self._make_room(_ROOM, _ROOM * 64)

    def _make_room(self, tasks: int, features: int) -> None:
        before = self._tasks
        rooms = {"starts": tasks + 1, "features": features, "done": 2}
        arrays = {name: grown(array, rooms.get(name, tasks)) for name, array in before._asdict().items()}
        self._tasks = Tasks(**arrays)
        self._room = len(self._tasks.kinds), len(self._tasks.features)
        self._written: list[Any] = [part.data for part in self._tasks[:-2]]  # numpy takes single numbers more slowly
        self._done: Any = self._tasks.done.data

    def settle(self, step: Step) -> None:
        """Take the outcome of a slate, if the step settled one."""
        settled = step.settled
        if settled is None:
            return
        if settled.outcome in ("hit", "miss") and not settled.placement:  # elsewhere hits are rarer or more frequent
            self._add(HIT if settled.outcome == "hit" else MISS)
        if settled.outcome in UNLEARNED:
            return
        settled = drawn_part(settled, self._lists, self._variants.at(settled.placement).slots)
        own, shadow = self._variants.learners(settled)
        if shadow is not None:
            self._learn(shadow, settled, step, told=False)
        if own is not None:
            self._learn(own, settled, step, told=True)

    def _learn(self, policy: Policy, settled: Settlement, step: Step, *, told: bool) -> None:
        """Let a policy learn later, if it has a queue, or else now."""
        if not hasattr(policy, "queue_record"):
            error = policy.learn_one(outcome(settled, step, self._lists, self._variants.at(settled.placement).slots))
            if told:
                self._errors.append(error)
            return
        waiting = cast("Queues", policy)
        if settled.discount > 0:
            waiting.queue(outcome(settled, step, self._lists, self._variants.at(settled.placement).slots))
        else:
            waiting.queue_record(settled.state, settled.offered_ranks, settled.sources, settled.hit, settled.reward)
        self._queued[id(policy)] = waiting, told

    def rank(self, rows: Rows, *, purchased: bool) -> None:
        """Take rows for the ranking; raises ValueError if they are not its own."""
        self._ranking.check(rows)
        k, start = self._rows, self._used
        end = start + len(rows.features)
        if end > self._room[1]:
            self._make_room(self._room[0], 2 * end)
        self._add(ROWS)
        _, features, starts, taken, uniform, rates, purchases = self._written
        features[start:end] = rows.features
        starts[k + 1], taken[k], uniform[k], rates[k] = end, rows.taken, rows.uniform, rows.rate
        purchases[k] = purchased
        self._rows, self._used = k + 1, end

    def tick(self) -> None:
        """An event passed."""
        self._add(EVENT)

    def _add(self, kind: int) -> None:
        if self._count == self._room[0]:
            self._make_room(2 * self._count, self._room[1])
        self._written[0][self._count] = kind
        self._count += 1

    @property
    def waiting(self) -> bool:
        """Whether there is anything to be learned."""
        return bool(self._count or self._queued or self._errors)

    def learn(self) -> None:
        """Learn all that was taken. What raises an error is left out: call again for what comes behind it."""
        while self._queued:
            policy, told = self._queued.pop(next(iter(self._queued)))
            errors = policy.learn_queued()
            if told:
                self._errors += errors
        if self._done[0] < self._count:
            self._work()
        try:
            self._observer.learned(self._errors, self._losses())
        finally:
            self._count = self._rows = self._used = self._done[0] = self._done[1] = 0
            self._errors.clear()

    def _work(self) -> None:
        parts = self._ranking.arrays, self._watch.arrays, self._tasks
        laid = self._laid
        if parts[0] is not laid[0] or parts[1] is not laid[1] or parts[2] is not laid[2]:
            self._laid = parts
            self._bench = _Bench._make([handle.of(part) for handle, part in zip(self._handles, parts, strict=True)])
        held = self._handle.of(self._bench)
        while _work(held, self._count):
            self.answered = True
            for model, answer in self._watch.alarms():
                self._observer.drifted(model, answer)
        self._ranking.heads.outdate()

    def _losses(self) -> Iterator[Losses]:
        """What was learned, for the observer."""
        tasks, rows = self._tasks, self._rows
        flags = zip(
            tasks.learned[:rows].tolist(), tasks.taken[:rows].tolist(), tasks.purchased[:rows].tolist(), strict=True
        )
        for learned, taken, purchased in flags:
            yield losses(learned, taken=taken, purchased=purchased)
