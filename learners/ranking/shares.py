"""The mixer's scores of a user's candidates, compiled.

Features stand in columns, so that candidates are worked on side by side. Most columns tell none apart: what the user
brings is equal for all, and what the history would say is zero where there is none. Only the others are multiplied.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

LEVEL: Final = np.float32(1.0 / 255.0)
_EIGHT = np.uint64(0x0101010101010101)  # times a byte: it, eight times
_PRODUCT = 200_000  # multiplications at once: BLAS would divide more among threads, which costs more than it gains


class Net(NamedTuple):
    """What compiled code works with: weights, and beside each the sum of its squared gradients (AdaGrad)."""

    linear: NDArray[np.float32]  # [2, F]
    hidden: NDArray[np.float32]  # [2, F + 1, H], the bias last
    out: NDArray[np.float32]  # [2, H]


@njit(cache=True)
def _differing(columns: NDArray[np.uint8], count: int, width: int) -> NDArray[np.int64]:
    """Which of the first `width` columns hold different numbers; eight numbers are compared at once."""
    words, whole, found, n = columns.view(np.uint64), count // 8, np.empty(width, np.int64), 0
    for f in range(width):
        alike, differ = np.uint64(columns[f, 0]) * _EIGHT, np.uint64(0)
        for word in words[f, :whole]:
            differ |= word ^ alike
        for c in range(8 * whole, count):
            differ |= np.uint64(columns[f, c] ^ columns[f, 0])
        found[n] = f
        n += differ != 0
    return found[:n]


@njit(cache=True)
def _weights_of(
    net: Net, columns: NDArray[np.uint8], used: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights of the columns in use, [H + 1, used], the score's own last; and what all others add, [H + 1]."""
    linear, hidden, width, units = net.linear[0], net.hidden[0], net.linear.shape[1], net.out.shape[1]
    weights, bias, k = np.empty((units + 1, len(used)), np.float32), np.zeros(units + 1, np.float32), 0
    bias[:units] = hidden[width]
    for f in range(width):
        if k < len(used) and used[k] == f:
            weights[:units, k], weights[units, k] = hidden[f], linear[f]
            k += 1
        elif columns[f, 0] != 0:
            value = np.float32(columns[f, 0]) * LEVEL
            for h in range(units):
                bias[h] += hidden[f, h] * value
            bias[units] += linear[f] * value
    return weights, bias


@njit(cache=True)
def scores_of(
    net: Net, columns: NDArray[np.uint8], count: int, units: NDArray[np.float32]
) -> NDArray[np.float32]:  # fmt: skip
    """Return the scores of candidates; the products by BLAS. A column in which all are alike is a part of the bias.

    Parameters
    ----------
    columns : [>= F, n] features, `count` candidates in each; n is a multiple of 8
    units : float32 [H, >= candidates], written: what goes into the hidden units
    """
    scores, used = np.empty(count, np.float32), _differing(columns, count, net.linear.shape[1])
    weights, bias = _weights_of(net, columns, used)
    at_once = max(8, min(count, _PRODUCT // max(1, weights.size)))
    x = np.empty((len(used), at_once), np.float32)
    for start in range(0, count, at_once):
        m = min(at_once, count - start)
        for k in range(len(used)):
            column, values = columns[used[k]][start:], x[k]
            for c in range(m):
                values[c] = np.float32(column[c]) * LEVEL
        found = np.dot(weights, x) if len(used) > 0 else np.zeros((len(bias), at_once), np.float32)
        total = scores[start : start + m]
        for c in range(m):
            total[c] = found[-1, c] + bias[-1]
        for h in range(len(bias) - 1):
            inner, out = units[h][start:], net.out[0, h]
            for c in range(m):
                inner[c] = found[h, c] + bias[h]
                total[c] += max(inner[c], np.float32(0.0)) * out
    return scores


@njit(cache=True)
def shares_of(scores: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Return the softmax over scores, of which there is at least one, and the score whose share would be 1."""
    shares, top, total = np.empty(len(scores), np.float32), scores.max(), np.float32(0.0)
    for n in range(len(scores)):
        shares[n] = math.exp(scores[n] - top)
        total += shares[n]
    for n in range(len(scores)):
        shares[n] /= total
    return shares, top + math.log(total)


def columns_of(rows: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """Rows as `scores_of` takes them, with room for so many columns."""
    columns = np.zeros((width, -(-len(rows) // 8) * 8), np.uint8)
    columns[: rows.shape[1], : len(rows)] = rows.T
    return columns
