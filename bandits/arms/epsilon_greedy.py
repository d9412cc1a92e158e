"""Epsilon-greedy: the arm of the highest mean, now and then any (Sutton and Barto, section 2.2)."""

from bandits.arms.base import Arms, Floats, only


class EpsilonGreedy(Arms):
    """The best mean has all but the floor, which is epsilon. Arms that were never played come first.

    Examples
    --------
    >>> from bandits.arms import Pull
    >>> bandit = EpsilonGreedy(2, floor=0.1)
    >>> for arm in (0, 1):
    ...     bandit.learn_one(Pull(arm, reward=arm, propensity=0.5))
    >>> bandit.pmf().tolist()
    [0.05, 0.9500000000000001]
    """

    name = "epsilon_greedy"

    def _choice(self, x: Floats | None) -> Floats:
        unplayed = self.pulls == 0
        best = int(unplayed.argmax()) if unplayed.any() else int(self.means().argmax())
        return only(best, len(self))
