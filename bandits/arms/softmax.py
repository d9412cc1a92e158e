"""Softmax: better arms oftener, by how much better they are (Boltzmann exploration)."""

import numpy as np

from bandits.arms.base import Arms, Floats


class Softmax(Arms):
    r"""$$\pi(a) \propto \exp(\bar r_a / \tau)$$, exact. With a fixed temperature it goes on exploring for ever.

    Parameters
    ----------
    temperature
        In units of reward, > 0: two arms that differ by so much are played 1 to e.

    Examples
    --------
    >>> Softmax(2, floor=0.0).pmf().tolist()
    [0.5, 0.5]
    """

    name = "softmax"

    def __init__(self, arms: int, *, temperature: float = 0.05, floor: float = 0.05) -> None:
        super().__init__(arms, floor=floor)
        if temperature <= 0:
            raise ValueError(f"bandit 'softmax': temperature must be above 0; got {temperature}")
        self.temperature = temperature

    def _choice(self, x: Floats | None) -> Floats:
        levels = self.means() / self.temperature
        weights = np.exp(levels - levels.max())
        return np.asarray(weights / weights.sum())
