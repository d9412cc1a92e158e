"""Snapshots are copied into live arrays only if names, order, shapes and types agree."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bandits.base import restore_arrays


def _live() -> dict[str, NDArray[np.generic]]:
    return {"q": np.zeros(2), "steps": np.zeros(1, np.int64)}


def test_arrays_are_copied() -> None:
    live, saved = _live(), {"q": np.array([1.0, 2.0]), "steps": np.array([3], np.int64)}
    restore_arrays(live, saved)
    saved["q"][0] = 9.0
    assert {name: array.tolist() for name, array in live.items()} == {"q": [1.0, 2.0], "steps": [3]}


@pytest.mark.parametrize(
    "saved",
    [
        {"q": np.ones(2)},
        {"q": np.ones(3), "steps": np.ones(1, np.int64)},
        {"q": np.ones(2, np.float32), "steps": np.ones(1, np.int64)},
        {"steps": np.ones(1, np.int64), "q": np.ones(2)},
    ],
    ids=["a name is missing", "another shape", "another type", "another order"],
)
def test_a_snapshot_of_another_kind_changes_nothing(saved: dict[str, NDArray[np.generic]]) -> None:
    live = _live()
    with pytest.raises(ValueError, match="snapshot must hold the arrays"):
        restore_arrays(live, saved)
    assert not live["q"].any()
