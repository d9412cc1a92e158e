"""Which candidate comes next: one score from the scores of all sources, learned from every step."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.draws import draw
from learners.arrays.handle import Handle
from learners.base import State
from learners.ranking.shares import LEVEL, Net, columns_of, scores_of, shares_of

_LOSS_MEMORY = 1_000.0  # steps over which the running loss is averaged


class _Rows(NamedTuple):
    """Features of some rows without their zeros, which say nothing: a test of every number would be guessed wrong."""

    lengths: NDArray[np.int64]  # [n]
    columns: NDArray[np.uint16]  # [n, F] of which the first `lengths[i]` are in use
    values: NDArray[np.float32]  # [n, F] the same


@njit(cache=True)
def _read(rows: NDArray[np.uint8], width: int) -> _Rows:
    """Read the first `width` columns."""
    n = len(rows)
    found = _Rows(np.zeros(n, np.int64), np.empty((n, width), np.uint16), np.empty((n, width), np.float32))
    for i in range(n):
        length = 0
        for f in range(width):
            found.columns[i, length], found.values[i, length] = f, np.float32(rows[i, f]) * LEVEL
            length += rows[i, f] != 0
        found.lengths[i] = length
    return found


@njit(cache=True)
def _forward(net: Net, x: _Rows, active: NDArray[np.float32]) -> NDArray[np.float32]:
    """Score rows; writes the hidden units' outputs to `active`, [n, H]."""
    n, width, units = len(x.lengths), net.linear.shape[1], net.out.shape[1]
    scores = np.zeros(n, np.float32)
    for i in range(n):
        active[i] = net.hidden[0, width]
        total = np.float32(0.0)
        for k in range(x.lengths[i]):
            f, value = x.columns[i, k], x.values[i, k]
            total += net.linear[0, f] * value
            for h in range(units):
                active[i, h] += net.hidden[0, f, h] * value
        for h in range(units):
            active[i, h] = max(active[i, h], np.float32(0.0))
            total += net.out[0, h] * active[i, h]
        scores[i] = total
    return scores


@njit(cache=True, error_model="numpy")  # no divisor is 0, and a test for it would keep it from being vectorised
def _descend(
    weights: NDArray[np.float32], squares: NDArray[np.float32], gradients: NDArray[np.float64], rate: float
) -> None:  # fmt: skip
    for n in range(len(gradients)):
        squares[n] += np.float32(gradients[n] * gradients[n])
        weights[n] -= np.float32(rate * gradients[n] / math.sqrt(1.0 + squares[n]))


@njit(cache=True)
def learn_list(net: Net, running: NDArray[np.float64], rows: NDArray[np.uint8], rate: float) -> float:
    """One step down the listwise loss, row 0 being the positive; returns the loss before it, in nats.

    `running`: sums of the losses and of their weights, decayed. Columns of the rows beyond the features are not read.
    """
    x, active = _read(rows, net.linear.shape[1]), np.empty((len(rows), net.out.shape[1]), np.float32)
    scores = _forward(net, x, active)
    top = scores.max()
    error = np.exp((scores - top).astype(np.float64))
    total = error.sum()
    loss = math.log(total) - float(scores[0] - top)
    error /= total
    error[0] -= 1.0
    _learn_hidden(net, x, active, error, rate)
    running[0] = running[0] * (1.0 - 1.0 / _LOSS_MEMORY) + loss
    running[1] = running[1] * (1.0 - 1.0 / _LOSS_MEMORY) + 1.0
    return loss


@njit(cache=True)
def _learn_hidden(
    net: Net, x: _Rows, active: NDArray[np.float32], error: NDArray[np.float64], rate: float
) -> None:  # fmt: skip
    """Move all weights against the gradient; `active` is used up."""
    n, width, units = len(x.lengths), net.linear.shape[1], net.out.shape[1]
    inner, steps, gradients = np.zeros(units), np.zeros(width), np.zeros((width + 1, units))
    used = np.zeros(width + 1, np.bool_)
    used[width] = True  # the bias
    for i in range(n):
        for h in range(units):
            inner[h] += error[i] * active[i, h]
    back = net.out[0].copy()
    _descend(net.out[0], net.out[1], inner, rate)
    for i in range(n):
        for h in range(units):  # from here on: the unit's part in the error of each row
            active[i, h] = np.float32(error[i] * back[h]) if active[i, h] > 0.0 else np.float32(0.0)
    for i in range(n):
        for k in range(x.lengths[i]):
            f, value = x.columns[i, k], x.values[i, k]
            used[f] = True
            steps[f] += error[i] * value
            for h in range(units):
                gradients[f, h] += active[i, h] * value
        for h in range(units):
            gradients[width, h] += active[i, h]
    for f in range(width + 1):
        if used[f]:  # a gradient of 0 moves nothing
            _descend(net.hidden[0, f], net.hidden[1, f], gradients[f], rate)
    _descend(net.linear[0], net.linear[1], steps, rate)


class Mixer:
    r"""A listwise softmax over candidates, a linear part beside one hidden layer of rectified units.

    $$s(x) = w \cdot x + u \cdot \max(0, V x + b), \qquad loss = -\ln \frac{e^{s(x_0)}}{\sum_i e^{s(x_i)}}$$

    The item that came next ($x_0$) is compared with some candidates that did not. AdaGrad [^1] with step
    $\eta g / \sqrt{1 + \sum g^2}$, so that no weight ever moves further than $\eta |g|$.

    Parameters
    ----------
    names
        Features, in the order of the columns; values in [0, 1], given as bytes (times 255).
    learning_rate
        $\eta$ > 0.
    units
        Hidden units; 0 makes it linear.
    initial_weights
        First linear weights by name, 0 where absent: a sensible guess ranks sensibly from the first event on.

    Attributes
    ----------
    running : float64[2]
        Sums of the losses and of their weights, decayed.
    loss : float
        Running mean of the listwise loss over about the last 1,000 steps, in nats: each is predicted, then learned.

    Examples
    --------
    >>> mixer = Mixer(["similar", "seen"], units=4)
    >>> for _ in range(50):
    ...     loss = mixer.learn_one(np.array([[255, 0], [0, 255]], np.uint8))
    >>> mixer.shares(255 * np.eye(2, dtype=np.uint8)).round(1).tolist()
    [0.9, 0.1]

    References
    ----------
    [^1]: Duchi, Hazan, Singer: Adaptive subgradient methods. JMLR 2011.
    Cao et al.: Learning to rank: from pairwise approach to listwise approach. ICML 2007.
    """

    name = "mixer"

    def __init__(
        self, names: Sequence[str], learning_rate: float = 0.1, units: int = 16,
        initial_weights: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        first = initial_weights or {}
        if unknown := sorted(set(first) - set(names)):
            raise ValueError(f"`initial_weights` must name features of the mixer; got {unknown}")
        if learning_rate <= 0 or units < 0:
            raise ValueError(f"`learning_rate` must be > 0 and `units` >= 0; got {learning_rate} and {units}")
        self.names = tuple(names)
        self.learning_rate = learning_rate
        width, spread = len(self.names), 1.0 / math.sqrt(max(1, len(self.names)))
        self._net = Net(
            np.zeros((2, width), np.float32),
            np.zeros((2, width + 1, units), np.float32),
            np.zeros((2, units), np.float32),
        )
        self._net.linear[0] = [float(first.get(name, 0.0)) for name in self.names]
        for row, weights in enumerate(self._net.hidden[0, :width]):
            draw(weights, row, spread)
        draw(self._net.out[0], width, 0.1)
        self.running = np.zeros(2)  # loss, weight
        self._handle = Handle()

    def __repr__(self) -> str:
        return f"Mixer({len(self.names)} features, {self._net.out.shape[1]} units, loss {self.loss:.4f})"

    @property
    def arrays(self) -> Net:
        """All that compiled code works with; another tuple after `restore`."""
        return self._net

    @property
    def units(self) -> int:
        """Hidden ones."""
        return int(self._net.out.shape[1])

    @property
    def loss(self) -> float:
        """Running mean of the listwise loss, in nats; 0 before the first step."""
        return float(self.running[0] / self.running[1]) if self.running[1] else 0.0

    def learn_one(self, rows: NDArray[np.uint8]) -> float:
        """Learn one step: `rows`, [n, F], the item that came next first; returns its loss before learning, in nats."""
        loss: float = learn_list(self._net, self.running, np.ascontiguousarray(rows), self.learning_rate)
        return loss

    def score_many(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the score of every row, [n]; differences of scores are log odds."""
        net, x = self._net, _values(rows)
        hidden = np.maximum(x @ net.hidden[0, :-1] + net.hidden[0, -1], 0.0)
        scores: NDArray[np.float32] = x @ net.linear[0] + hidden @ net.out[0]
        return scores

    def shares(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability that each row is the next one, given that one of them is, [n]."""
        if len(rows) == 0:
            return np.empty(0, np.float32)
        columns = columns_of(rows, rows.shape[1])
        scores = scores_of(self._net, columns, len(rows), np.empty((self.units, len(rows)), np.float32))
        shares: NDArray[np.float32] = shares_of(scores)[0]
        return shares

    def raise_learning_rate(self, factor: float) -> None:
        """Make the steps that follow `factor` times as large, as after a change of the world; they shrink again."""
        for part in self._net:
            part[1] = np.maximum((1.0 + part[1]) / factor**2 - 1.0, 0.0)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return weights with their sums of squares, and the running loss."""
        return {**self._net._asdict(), "running": self.running}

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`.

        Raises
        ------
        ValueError
            if it is of a mixer with other features or units
        """
        for name, part in self._net._asdict().items():
            if state[name].shape != part.shape:
                raise ValueError(f"`{name}` must have shape {part.shape}; got {state[name].shape}")
        self._net = Net(*(np.array(state[name], np.float32) for name in Net._fields))
        self.running = np.array(state["running"], np.float64)


def _values(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    return rows.astype(np.float32) * LEVEL
