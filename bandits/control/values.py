"""What an agent believes: a table over states, or weights of features."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bandits.base import restore_arrays
from bandits.control.transition import State

Floats = NDArray[np.float64]


class Values(Protocol):
    """Action values that can be moved."""

    actions: int

    def of(self, s: State) -> Floats:
        """Value of every action, ``[actions]``."""
        ...

    def move(self, s: State, a: int, step: float) -> None:
        """Move one action's value by ``step`` times the gradient."""
        ...

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Every array that learning changes, live."""
        ...

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over a snapshot."""
        ...


class Table:
    """One number for every state and action.

    Parameters
    ----------
    n_states, actions
        Size.
    initial
        First value: 0, higher than what can be earned (optimistic: every action is tried), or an array
        ``[n_states, actions]`` of prior values.

    Examples
    --------
    >>> table = Table(2, 3, initial=1.0)
    >>> table.move(0, 2, -0.5)
    >>> table.of(0).tolist()
    [1.0, 1.0, 0.5]
    """

    def __init__(self, n_states: int, actions: int, initial: float | Floats = 0.0) -> None:
        self.n_states, self.actions = n_states, actions
        self.q = np.zeros((n_states, actions)) + initial

    def of(self, s: State) -> Floats:
        """Row of a state: live, not copied."""
        row: Floats = self.q[s]
        return row

    def move(self, s: State, a: int, step: float) -> None:
        """Move one entry."""
        self.q[s, a] += step

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The table."""
        return {"q": self.q}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over a table."""
        restore_arrays(self.state(), saved)


class Linear:
    """Weights of features, one row an action: ``q(s, a) = w_a . s``.

    Parameters
    ----------
    features, actions
        Size. A state is an array ``[features]``; keep its squared length near 1, or divide the step size by it.
    initial
        First weight.

    Examples
    --------
    >>> linear = Linear(2, 1)
    >>> linear.move(np.array([0.5, 1.0]), 0, 2.0)
    >>> linear.weights.tolist(), linear.of(np.array([1.0, 1.0])).tolist()
    ([[1.0, 2.0]], [3.0])
    """

    def __init__(self, features: int, actions: int, initial: float = 0.0) -> None:
        self.features, self.actions = features, actions
        self.weights = np.full((actions, features), initial)

    def of(self, s: State) -> Floats:
        """Products with the weights."""
        found: Floats = self.weights @ s
        return found

    def move(self, s: State, a: int, step: float) -> None:
        """Move along the features, the gradient of the value."""
        self.weights[a] += step * s

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The weights."""
        return {"weights": self.weights}

    def restore(self, saved: Mapping[str, NDArray[np.generic]]) -> None:
        """Take over weights."""
        restore_arrays(self.state(), saved)
