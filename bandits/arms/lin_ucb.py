"""LinUCB, disjoint (Li, Chu, Langford and Schapire 2010): the arm that may be the best for these features."""

from bandits.arms.base import Floats, only
from bandits.arms.linear import LinearArms


class LinUCB(LinearArms):
    r"""Plays $\arg\max_a x \cdot \theta_a + \alpha \sqrt{x^T A_a^{-1} x}$; deterministic but for the floor."""

    name = "lin_ucb"

    def _choice(self, x: Floats | None) -> Floats:
        means, deviations = self.predictions(x)
        return only(int((means + self.width * deviations).argmax()), len(self))
