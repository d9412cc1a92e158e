"""The default policy: leave the ranking only where a source has proved better in disagreement with it.

A plain table of values credits a source for the good items that the ranking offers too, although there is a choice only
where their offers differ; beside a strong ranking that cost 5 % in simulation. Here a source is credited only where it
disagrees with the ranking (``matched_sums``), shown only where it is credibly better, and explored only where it may be
better (``choice``). Prior beliefs are multiples of the mean reward of an examined slot (``reward_scale``). ``policy``
puts them together.
"""

from bandits.slates.disagreement.choice import Tuning
from bandits.slates.disagreement.policy import Disagreement

__all__ = ["Disagreement", "Tuning"]
