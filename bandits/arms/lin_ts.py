"""LinTS (Agrawal and Goyal 2013): Thompson sampling on linear predictions."""

import numpy as np

from bandits.arms.base import Floats
from bandits.arms.gaussian import best_of_normals
from bandits.arms.linear import LinearArms


class LinTS(LinearArms):
    r"""Plays arm a as often as $N(x \cdot \theta_a, \alpha^2 x^T A_a^{-1} x)$ is the greatest; right to 1e-4."""

    name = "lin_ts"

    def _choice(self, x: Floats | None) -> Floats:
        means, deviations = self.predictions(x)
        return best_of_normals(means, np.maximum(self.width * deviations, 1e-9))
