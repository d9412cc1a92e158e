"""UCB1 (Auer, Cesa-Bianchi and Fischer 2002): the arm that may be the best."""

import numpy as np

from bandits.arms.base import Arms, Floats, only


class UCB(Arms):
    r"""Plays $\arg\max_a \bar r_a + c \sqrt{2 \ln t / n_a}$; an arm that was never played comes first.

    Without a floor it is deterministic: an arm has probability 0 or 1, and nothing else can be judged from its log.

    Parameters
    ----------
    scale
        Width of the rewards' range: the bound is stated for rewards in [0, 1].
    """

    name = "ucb"

    def __init__(self, arms: int, *, scale: float = 1.0, floor: float = 0.05) -> None:
        super().__init__(arms, floor=floor)
        self.scale = scale

    def _choice(self, x: Floats | None) -> Floats:
        unplayed = self.pulls == 0
        if unplayed.any():
            return only(int(unplayed.argmax()), len(self))
        bounds = self.means() + self.scale * np.sqrt(2.0 * np.log(self.pulls.sum()) / self.pulls)
        return only(int(bounds.argmax()), len(self))
