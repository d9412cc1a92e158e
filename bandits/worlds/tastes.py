"""Who comes and what there is: shoppers' tastes and habits, items of known quality."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Tastes(NamedTuple):
    """Shoppers and items."""

    taste: Floats  # [users, categories], utility
    category: NDArray[np.int64]  # [items]
    sub: NDArray[np.int64]  # [items], sub-category: items of one are alike
    quality: Floats  # [items], utility
    habits: Floats  # [users, 3], chance of a view, click, purchase

    @classmethod
    def generated(cls, seed: str, users: int = 2_000, items: int = 1_500, categories: int = 20) -> "Tastes":
        """Make shoppers who like three categories each, and items of five sub-categories in each."""
        rng = rng_of(f"{seed}/tastes")
        taste = rng.normal(-0.5, 0.4, (users, categories))
        for user in range(users):
            taste[user, rng.permutation(categories)[:3]] += 1.5
        sub = rng.integers(0, 5 * categories, items)
        return cls(taste, sub // 5, sub, rng.normal(0.0, 0.6, items), habits(rng, users))


def habits(rng: np.random.Generator, users: int) -> Floats:
    """Chance of view, click and purchase of each shopper: some only look."""
    buying = rng.beta(1.0, 9.0, users)
    return np.stack([0.75 * (1 - buying), 0.25 * (1 - buying), buying], axis=1)


def rng_of(name: str) -> np.random.Generator:
    """Random numbers named by a string."""
    return np.random.default_rng(list(name.encode()))
