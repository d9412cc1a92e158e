"""When the world changes, and what is done about it: ADWIN on prequential measures, answers on the learners.

A measure gets worse for two reasons: by chance, or because what was learned is no longer true. `Watcher` tests
which; `Change` holds one for every model and takes the configured answer: the learners concerned learn or forget faster
for a while, or are reset. Both are folds: same values, same alarms.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from river._river_rust.drift import AdaptiveWindowing  # all of ADWIN; `river.drift` imports scipy.stats, 40 MB

from learners.base import State

_ENDED = 1e-3  # an alarm below it has ended
_AT_ONCE = 20  # events between two falls of the alarms

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


class Watcher:
    r"""ADWIN on one measure that reports only changes for the worse.

    A window of the newest values is cut wherever the means $\mu_0, \mu_1$ of its older and newer part differ by more
    than chance allows [^1]:

    $$|\mu_0 - \mu_1| > \sqrt{\tfrac{2}{m} \sigma^2 \ln \tfrac{2}{\delta'}} + \tfrac{2}{3m} \ln \tfrac{2}{\delta'},
    \quad \tfrac{1}{m} = \tfrac{1}{n_0} + \tfrac{1}{n_1}, \quad \delta' = \delta / \ln n$$

    A change for the better empties the window too, but is not reported. Memory and time are
    O(log n): the window is kept as an exponential histogram.

    Parameters
    ----------
    worse
        Whether "higher" (a loss) or "lower" (a hit rate) is worse.
    delta
        The smaller, the fewer false alarms and the later the true ones; in (0, 1).

    Examples
    --------
    >>> watcher = Watcher("lower")
    >>> [n for n in range(2_000) if watcher.update(float(n % 10 < (6 if n < 1_000 else 3)))]
    [1119]

    References
    ----------
    [^1]: Bifet, Gavaldà: Learning from time-changing data with adaptive windowing. SDM 2007.
    """

    def __init__(self, worse: Worse, delta: float = 0.002) -> None:
        self.worse, self.delta = worse, delta
        self._window = _window(delta)

    def update(self, value: float) -> bool:
        """Take the next value, in [0, 1], and return whether the measure has become worse."""
        window = self._window
        total, width = window.get_total(), window.get_width()
        if not window.update(value):
            return False
        rose = window.get_total() / window.get_width() > total / max(width, 1)
        self._window = _window(self.delta)  # as River does itself before the next value
        return rose == (self.worse == "higher")

    def state(self) -> NDArray[np.uint8]:
        """Return the window as River's own bytes: what it pickles, without the pickle around it."""
        return np.frombuffer(self._window.__getstate__(), np.uint8)

    def restore(self, state: NDArray[np.uint8]) -> None:
        """Continue from a copy of `state`."""
        fresh = _window(self.delta)
        try:
            fresh.__setstate__(state.tobytes())
        except BaseException as error:  # Rust's panic is no Exception
            if type(error).__name__ != "PanicException":
                raise
            raise ValueError(f"a window of ADWIN must be River's own bytes; got {len(state)} others") from None
        self._window = fresh


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
        Of every `Watcher`.

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
        self.watched = {model.name: model for model in watched}
        self.pace = pace
        self._watchers = {model.name: Watcher(model.worse, delta) for model in watched}
        self._heights = np.zeros(len(watched))  # of the alarms, in [0, 1]
        self._alarmed = False  # whether any of them is above 0
        self._waited = np.zeros(1, np.int64)  # events since they last fell
        self._number = {name: n for n, name in enumerate(self.watched)}
        self._fall = 0.5 ** (_AT_ONCE / pace.cool_down)
        # by answer and learner: the numbers of the models whose alarms hold it
        self._held: dict[tuple[str, int], tuple[object, list[int]]] = {}
        for n, model in enumerate(watched):
            for learner in model.learners:
                self._held.setdefault((model.answer, id(learner)), (learner, []))[1].append(n)

    def observe(self, name: str, value: float) -> str | None:
        """Take the next value of a model's measure, in [0, 1]; returns the answer that was taken, None: no alarm."""
        if not self._watchers[name].update(value):
            return None
        model = self.watched[name]
        for learner in model.learners:
            ANSWERS[model.answer].start(learner, self.pace)
        self._heights[self._number[name]] = 1.0
        self._alarmed = True
        self._hold()
        return model.answer

    def tick(self) -> None:
        """Let one event pass: alarms fall every few events only, since calling every learner takes time."""
        if not self._alarmed:
            return
        self._waited += 1
        if self._waited[0] >= _AT_ONCE:
            self._waited[0] = 0
            self._heights *= self._fall
            self._heights[self._heights < _ENDED] = 0.0
            self._alarmed = bool(self._heights.any())
            self._hold()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return every window, and the heights of the alarms."""
        windows = {f"window {name}": watcher.state() for name, watcher in self._watchers.items()}
        return {**windows, "heights": self._heights, "waited": self._waited}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`; the learners get their pace from it, not from their own states."""
        for name, watcher in self._watchers.items():
            watcher.restore(np.asarray(state[f"window {name}"]))
        heights = np.array(state["heights"], np.float64)
        if heights.shape != self._heights.shape:
            raise ValueError(f"drift: must watch {len(heights)} models; got {len(self._heights)}")
        self._heights, self._alarmed = heights, bool(heights.any())
        self._waited = np.array(state["waited"], np.int64)
        self._hold()

    def _hold(self) -> None:
        heights = self._heights.tolist()
        for (answer, _), (learner, models) in self._held.items():
            ANSWERS[answer].hold(learner, max([heights[n] for n in models]), self.pace)


def _window(delta: float) -> AdaptiveWindowing:
    """What `river.drift.ADWIN` keeps, with its defaults."""
    return AdaptiveWindowing(delta=delta, clock=32, max_buckets=5, min_window_length=5, grace_period=10)
