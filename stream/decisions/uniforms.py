"""Random numbers by name: an auditor can draw any slate again."""

from hashlib import shake_128

import numpy as np
from numpy.typing import NDArray


def uniforms(name: str, n: int) -> NDArray[np.float64]:
    """Return `n` random numbers in [0, 1) as a pure function of a name.

    >>> uniforms("headwater/policy/7.0.0", 2).round(4).tolist()
    [0.815, 0.3681]
    """
    return np.frombuffer(random_bits(name, n), "<u4") * 2.0**-32


def random_bits(name: str, n: int) -> bytes:
    """The 32 bits of which each of them is made, little-endian."""
    return shake_128(name.encode()).digest(4 * n)
