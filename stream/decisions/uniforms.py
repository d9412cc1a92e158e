"""Random numbers by name: an auditor can draw any slate again."""

from hashlib import shake_128

import numpy as np
from numpy.typing import NDArray

_LITTLE = np.dtype("<u4")  # on any machine


def uniforms(name: str, n: int) -> NDArray[np.float64]:
    """Return `n` random numbers in [0, 1) as a pure function of a name.

    >>> uniforms("headwater/policy/7.0.0", 2).round(4).tolist()
    [0.815, 0.3681]
    """
    return np.frombuffer(shake_128(name.encode()).digest(4 * n), _LITTLE) * 2.0**-32
