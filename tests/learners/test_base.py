"""Indices outside the arrays are refused before compiled code sees them."""

import pytest

from learners.base import require_known


def test_known_items_pass_and_others_are_refused() -> None:
    for item in (0, 4):
        require_known("source", item, 5)
    for item in (-1, 5):
        with pytest.raises(IndexError, match=rf"`source` can learn items 0\.\.4; got {item}: call `add_item` first"):
            require_known("source", item, 5)
