"""Every bandit obeys the laws, and the laws find bandits that break them."""

import pytest

from bandits.__main__ import main
from bandits.arms import BANDITS


@pytest.mark.parametrize("name", list(BANDITS))
def test_bandits_obey_their_laws(name: str) -> None:
    said: list[str] = []
    assert main([name], said.append) == 0, [line for line in said if "FAIL" in line]
    assert said[-1] == "9 of 9 passed\n"


def test_bandits_that_break_a_law_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bandit that forgets its floor, and one that never learns."""
    monkeypatch.setattr(BANDITS["softmax"], "pmf", lambda self, x=None: self._choice(x))
    said: list[str] = []
    assert main(["softmax"], said.append) == 1
    assert any(line.startswith("softmax:check_pmf FAIL: bandit 'softmax': every arm must have") for line in said)
    monkeypatch.undo()
    monkeypatch.setattr(BANDITS["ucb"], "learn_one", lambda self, pull: None)
    assert main(["ucb"], said.append) == 1
    assert any(line.startswith("ucb:check_regret_is_sublinear FAIL") for line in said)
