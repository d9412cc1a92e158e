"""Shoppers and items of a small shop."""

import pytest

from bandits.worlds import Tastes


@pytest.fixture(scope="session")
def tastes() -> Tastes:
    return Tastes.generated("test", users=300, items=400)
