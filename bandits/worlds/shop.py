"""Simulated shoppers: tastes, sessions with a hidden intent, a scan from the top, habits that drift.

A decision of shopper u in session s:

1. The shopper wants something similar to the last item, an item they know, what is in fashion, or what is new. Which of
   these depends on the depth of the session and on how well the shopper is known, and changes half of the time.
2. Utility of item i: taste of u for its category + quality + 1 if it is of the session's category + how well it fits
   what is wanted - fatigue (0.7 for every time that it was seen in this session and left; 1 if the shopper knows it and
   does not want such items). It attracts with p_i = sigmoid(utility - threshold).
3. The shopper scans from the top, examines slot j with (j + 1)^-0.5 and takes the first examined item that attracts. If
   none does, they take nothing, or act on their own: they take the most attractive of a dozen items that they think of,
   every third of which they know.
4. The event is a view, click or purchase by the shopper's habits.

Half way tastes drift: half of the shoppers swap their favourite categories, and all want other things.

All numbers come from one generator, so a run with the same seed and the same slates is the same. `expected` is the
chance of a hit by the slate for any slate: the truth that regret is measured by. Sorting by p_i is the best slate,
since the chance of no hit, the product of 1 - (j + 1)^-0.5 p, is least when large p stand in front.
"""

import numpy as np
from numpy.typing import NDArray

from bandits.worlds.settings import Setting
from bandits.worlds.shoppers import MEMORY, WORTH, Answer, Facts, answer, begin
from bandits.worlds.sources import offer
from bandits.worlds.tastes import Tastes, rng_of

SESSIONS = 64  # at the same time
LATE = 0.2  # share of the items that arrive in the course of the run
BONUS = np.array([2.2, 2.8, 2.2, 2.2])  # of an item that fits what the shopper wants, by mode


class Shop:
    """Shoppers, items and eight sources; some learn from what happens.

    Parameters
    ----------
    setting
        What the shop is like.
    seed
        Names the random streams `seed/shop`, `seed/shoppers` and `seed/drift`.
    decisions
        Length of the run; drift comes half way.
    tastes
        Shoppers and items; by default generated.
    """

    def __init__(self, setting: Setting, seed: str, decisions: int, tastes: Tastes | None = None) -> None:
        tastes = Tastes.generated(seed) if tastes is None else tastes
        self.setting, self.decisions, self.now = setting, decisions, 0
        self._seed, self._rng = seed, rng_of(f"{seed}/shoppers")
        first = rng_of(f"{seed}/shop")
        users, categories = tastes.taste.shape
        if users <= SESSIONS:
            raise ValueError(
                f"tastes: must be of more than {SESSIONS} shoppers, who come at the same time; got {users}"
            )
        items = len(tastes.category)
        born = np.where(first.random(items) < LATE, first.random(items) * decisions, 0.0)
        self.facts = Facts(
            tastes.taste.copy(), tastes.category, tastes.sub, tastes.quality, tastes.habits, born,
            np.full((users, MEMORY), -1), np.zeros(users, np.int64), np.zeros(items), np.zeros(items),
            np.zeros((items, items), np.float32), np.zeros((users, categories)), np.full(SESSIONS, -1),
            np.zeros(SESSIONS, np.int64), np.zeros(SESSIONS, np.int64), np.full(SESSIONS, -1),
            np.zeros(SESSIONS, np.int64),
            np.zeros((SESSIONS, items), np.int16), np.stack([setting.mix, setting.later]), np.ones(2), BONUS,
        )  # fmt: skip
        for session in range(SESSIONS):
            begin(self.facts, session, self._rng)
        self.session, self._attracts = 0, np.zeros(items)

    def offer(self) -> tuple[int, NDArray[np.int32]]:
        """Go to the next shopper's decision: their state in [0, 12), and each source's list, [8, 20]."""
        if self.now == self.decisions // 2:
            self._drift()
        self.session = int(self._rng.random() * SESSIONS)
        setting = self.setting
        state, lists, self._attracts = offer(
            self.facts, self.session, float(self.now), float(self.decisions), setting.noise, setting.knows_modes,
            setting.flat, self._rng,
        )  # fmt: skip
        return state, lists

    def answer(self, slate: NDArray[np.int32]) -> Answer:
        """What the shopper does with a slate, items from the top."""
        found = answer(
            self.facts, self.session, float(self.now), float(self.decisions), slate, self._attracts, self.setting.chain,
            self._rng,
        )  # fmt: skip
        self.now += 1
        return Answer(*found)

    def expected(self, slate: NDArray[np.int32]) -> float:
        """Mean reward that a slate brings by itself: the chance of a hit times what this shopper's events are worth."""
        theta = np.arange(1, len(slate) + 1) ** -0.5
        worth = float(self.facts.habits[self.facts.user[self.session]] @ WORTH)
        return float(1.0 - np.prod(1.0 - theta * self._attracts[slate])) * worth

    def best(self, lists: NDArray[np.int32], slots: int) -> NDArray[np.int32]:
        """The best slate that can be made of these lists."""
        offered = np.unique(lists[lists >= 0])
        return offered[np.argsort(-self._attracts[offered], kind="stable")][:slots]

    def _drift(self) -> None:
        """Half of the shoppers swap their categories."""
        taste = self.facts.taste
        drifting = rng_of(f"{self._seed}/drift").random(len(taste)) < 0.5
        taste[drifting] = np.roll(taste[drifting], taste.shape[1] // 2, axis=1)
