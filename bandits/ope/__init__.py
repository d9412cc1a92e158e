"""What would another policy have earned? Estimates from what a logged policy showed, and how probable that was.

Every estimator turns logged rounds into `Addends`, a numerator and a denominator a round; the value is the ratio of
their sums. One action a round: `estimators`; whole slates: `slates`; how far to trust them: `intervals`.
"""

from bandits.ope.estimators import (
    Addends,
    clipped_ips,
    direct_method,
    doubly_robust,
    ips,
    on_policy,
    replay,
    snips,
    switch_dr,
)
from bandits.ope.intervals import Overlap, effective_sample_size, empirical_bernstein, group_sums
from bandits.ope.slates import Alternatives, alternatives, cascade_dr, ratios, reward_interaction, whole_slate

__all__ = [
    "Addends",
    "Alternatives",
    "Overlap",
    "alternatives",
    "cascade_dr",
    "clipped_ips",
    "direct_method",
    "doubly_robust",
    "effective_sample_size",
    "empirical_bernstein",
    "group_sums",
    "ips",
    "on_policy",
    "ratios",
    "replay",
    "reward_interaction",
    "snips",
    "switch_dr",
    "whole_slate",
]
