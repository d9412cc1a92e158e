"""When the world changes, and what is done about it: ADWIN on prequential measures, answers on the learners.

A measure gets worse for two reasons: by chance, or because what was learned is no longer true. ADWIN tests which: a
change for the worse is an alarm, one for the better only empties the window. `Change` watches a measure of every model
and takes the configured answer: the learners concerned learn or forget faster for a while, or are reset. It is a fold:
same values, same alarms.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.adwin import Windows, no_windows, packed, take_value, unpack_into
from learners.arrays.handle import Handle
from learners.base import State

_ENDED = 1e-3  # an alarm below it has ended
FALLS_EVERY = 20  # events between two falls of the alarms

Worse = Literal["higher", "lower"]


class RaisesLearningRate(Protocol):
    """A learner whose steps shrink over time, such as one with AdaGrad."""

    def raise_learning_rate(self, factor: float) -> None:
        """Make the steps that follow `factor` (>= 1) times as long: AdaGrad divides its sums of squares by factor²."""


class ScalesLearningRate(Protocol):
    """A learner with steps of constant length, such as one with plain gradient descent."""

    def scale_learning_rate(self, factor: float) -> None:
        """Take steps `factor` (>= 1) times as long as configured until the next call; 1: as configured."""


class SetsHalfLife(Protocol):
    """A learner that forgets."""

    def set_half_life(self, half_life: float) -> None:
        """Halve what is known every `half_life` events, or as configured if that is sooner, until the next call."""


class Resets(Protocol):
    """A learner that can be reset."""

    def reset(self) -> None:
        """Become as it was before it learned anything."""


class Pace(NamedTuple):
    """How strong the answers are.

    Parameters
    ----------
    factor
        Of the step, at the height of the alarm; >= 1.
    half_life
        Events, at the height of the alarm; > 0.
    cool_down
        Events after which an alarm is half as high; > 0.
    """

    factor: float = 4.0
    half_life: float = 100.0
    cool_down: float = 500.0


class Answer(NamedTuple):
    """What is done to a learner that has the method; others are left alone."""

    start: Callable[[object, Pace], None]  # once, when the alarm is raised
    hold: Callable[[object, float, Pace], None]  # at every height of the alarm, from 1 down to 0


def raise_learning_rate(learner: Any, pace: Pace) -> None:
    """Lengthen the steps of a learner that `RaisesLearningRate`."""
    if hasattr(learner, "raise_learning_rate"):
        learner.raise_learning_rate(pace.factor)


def scale_learning_rate(learner: Any, height: float, pace: Pace) -> None:
    """Lengthen the steps of a learner that `ScalesLearningRate` by the factor, and back as the alarm falls."""
    if hasattr(learner, "scale_learning_rate"):
        learner.scale_learning_rate(1.0 + height * (pace.factor - 1.0))


def set_half_life(learner: Any, height: float, pace: Pace) -> None:
    """Shorten the half-life of a learner that `SetsHalfLife`, and back as the alarm falls."""
    if hasattr(learner, "set_half_life"):
        learner.set_half_life(pace.half_life / height if height > 0.0 else math.inf)


def scale_both(learner: Any, height: float, pace: Pace) -> None:
    """Do both, for a learner with either method."""
    scale_learning_rate(learner, height, pace)
    set_half_life(learner, height, pace)


def reset(learner: Any, pace: Pace) -> None:
    """Reset a learner that `Resets`."""
    if hasattr(learner, "reset"):
        learner.reset()


def leave(learner: object, *_: object) -> None:
    """Do nothing."""


ANSWERS: Mapping[str, Answer] = {
    "faster_step": Answer(raise_learning_rate, scale_learning_rate),
    "shorter_half_life": Answer(leave, set_half_life),
    "faster_and_shorter": Answer(raise_learning_rate, scale_both),
    "reset_head": Answer(reset, leave),
    "none": Answer(leave, leave),  # the alarm is logged and counted
}


class Measures(NamedTuple):
    """The watched measures, for compiled code."""

    windows: Windows
    worse: NDArray[np.int64]  # [measures] the sign of a change for the worse
    alarms: NDArray[np.uint8]  # [measures] whether the last values have raised one
    delta: float  # see `take_value`
    alarmed: NDArray[np.uint8]  # [1] whether any alarm is up
    waited: NDArray[np.int64]  # [1] events since the alarms last fell


@njit(cache=True)
def take_values(measures: Measures, values: NDArray[np.float64]) -> int:
    """Take the next value of each measure, in [0, 1], nan: none; write and count the alarms."""
    raised = 0
    for n in range(len(values)):
        measures.alarms[n] = 0
        if not np.isnan(values[n]) and take_value(measures.windows, n, values[n], measures.delta) == measures.worse[n]:
            measures.alarms[n] = 1
            raised += 1
    return raised


@njit(cache=True)
def take_event(measures: Measures) -> bool:
    """Note that one event passed; return whether the alarms are to fall now: see `Change.fall`."""
    if measures.alarmed[0] == 0:
        return False
    measures.waited[0] += 1
    return bool(measures.waited[0] >= FALLS_EVERY)


@njit(cache=True)
def _take_one(held: Any, n: int, value: float) -> bool:
    measures = held.it
    return bool(take_value(measures.windows, n, value, measures.delta) == measures.worse[n])


class Watched(NamedTuple):
    """One model: its measure, the learners that an alarm concerns, and what is done to them."""

    name: str
    worse: Worse
    learners: Sequence[object]
    answer: str  # of `ANSWERS`


class Change:
    """Watches the measures of all models, and answers their alarms.

    Where several alarms ask the same of one learner, the highest counts.

    Parameters
    ----------
    watched
        The models, each name once.
    pace
        How strong the answers are.
    delta
        Of ADWIN (`learners.adwin`): the smaller, the fewer false alarms and the later the true ones; in (0, 1).

    Attributes
    ----------
    measures : Measures
        One for each model, in their order, for compiled code.

    Examples
    --------
    >>> class Step:
    ...     factor = 1.0
    ...     def scale_learning_rate(self, factor):
    ...         self.factor = factor
    >>> step = Step()
    >>> change = Change([Watched("engine", "lower", [step], "faster_step")], Pace(factor=4.0, cool_down=100.0))
    >>> [n for n in range(1_120) if change.observe("engine", n % 10 < (6 if n < 1_000 else 3))]
    [1119]
    >>> step.factor
    4.0
    >>> for _ in range(100):
    ...     change.tick()
    >>> round(step.factor, 3)
    2.5
    """

    def __init__(self, watched: Sequence[Watched], pace: Pace = Pace(), delta: float = 0.002) -> None:  # noqa: B008
        for model in watched:
            if model.answer not in ANSWERS:
                raise ValueError(
                    f"drift: the answer to {model.name!r} must be one of {', '.join(ANSWERS)}; got {model.answer!r}"
                )
        self._models = list(watched)
        self.pace = pace
        worse = np.array([1 if model.worse == "higher" else -1 for model in watched], np.int64)
        self.measures = Measures(
            no_windows(len(watched)), worse, np.zeros(len(watched), np.uint8), delta, np.zeros(1, np.uint8),
            np.zeros(1, np.int64),
        )  # fmt: skip
        self._handle = Handle()
        self._heights = np.zeros(len(watched))  # of the alarms, in [0, 1]
        self._number = {model.name: n for n, model in enumerate(watched)}
        self._fall = 0.5 ** (FALLS_EVERY / pace.cool_down)
        # by answer and learner: the numbers of the models whose alarms hold it
        self._held: dict[tuple[str, int], tuple[object, list[int]]] = {}
        for n, model in enumerate(watched):
            for learner in model.learners:
                self._held.setdefault((model.answer, id(learner)), (learner, []))[1].append(n)

    def observe(self, name: str, value: float) -> str | None:
        """Take the next value of a model's measure, in [0, 1]; returns the answer that was taken, None: no alarm."""
        n = self._number[name]
        return self.answer(n) if _take_one(self._handle.of(self.measures), n, value) else None

    def answer(self, n: int) -> str:
        """Take the answer to an alarm of the n-th model; returns which it was."""
        model = self._models[n]
        for learner in model.learners:
            ANSWERS[model.answer].start(learner, self.pace)
        self._heights[n] = 1.0
        self.measures.alarmed[0] = True
        self._hold()
        return model.answer

    def tick(self) -> None:
        """Let one event pass: alarms fall every few events only, since calling every learner takes time."""
        if take_event.py_func(self.measures):
            self.fall()

    def fall(self) -> None:
        """Let the alarms fall, as they do every few events."""
        self.measures.waited[0] = 0
        self._heights *= self._fall
        self._heights[self._heights < _ENDED] = 0.0
        self.measures.alarmed[0] = self._heights.any()
        self._hold()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return every window, and the heights of the alarms."""
        measures = self.measures
        windows = {f"window {name}": packed(measures.windows, n, measures.delta) for name, n in self._number.items()}
        return {**windows, "heights": self._heights, "waited": self.measures.waited}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`; the learners get their pace from it, not from their own states."""
        for name, n in self._number.items():
            unpack_into(self.measures.windows, n, np.asarray(state[f"window {name}"]))
        heights = np.array(state["heights"], np.float64)
        if heights.shape != self._heights.shape:
            raise ValueError(f"drift: must watch {len(heights)} models; got {len(self._heights)}")
        self._heights = heights
        self.measures.alarmed[0], self.measures.waited[:] = heights.any(), state["waited"]
        self._hold()

    def _hold(self) -> None:
        heights = self._heights.tolist()
        for (answer, _), (learner, models) in self._held.items():
            ANSWERS[answer].hold(learner, max([heights[n] for n in models]), self.pace)
