"""What would this user like? Learners that never stop learning, without I/O, clock or random numbers.

A recommender answers in two steps. **Retrieval**: several cheap sources each name their best items out of the whole
catalogue. Their union is a few hundred candidates. **Ranking**: `Mixer`, a small network over how every source scored
each candidate, orders them; `TwoHeads`, logistic regression on the same, estimates how likely a click and a purchase
are. Every event is first predicted, then learned, and no event costs more as the catalogue grows.

Start with `base` for the interface; `checks` holds the laws that every source keeps, yours too. The rooms:

* `popularity`: what many like, everywhere (`Popularity`), in a category (`Categories`), in a group of users
  (`GroupPopularity`); what is rising (`Trending`) and what is new (`NewItems`)
* `links`: item to item, what the same people took (`CoVisitation`) and what follows what (`SequentialRules`)
* `neighbours`: how similar sessions and users went on (`SessionNeighbours`, `UserNeighbours`)
* `factors`: items and users as vectors (`SkipGram`, `Factorization`; `BiasedMF`, a baseline)
* `content`: what the catalogue has about an item (`Content`), for items without events
* `repeats`: what the user comes back to (`Repeats`; `RecentlySeen`, a baseline) and is due to buy again (`BuyAgain`)
* `profiles`: who the user is, in a few averages, and which `Segments` there are
* `ranking`: from candidates to an order
* `metrics`: how good a list and a probability are
* `arrays`: storage that all learners share

At the top: `vocabulary` numbers items, `interactions` holds many events as arrays, `registry` finds sources by name,
`drift` reacts when measures get worse, `timing` measures speed and memory.
"""

import importlib
from typing import Any

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import (
    CLICK,
    ELIGIBLE,
    INELIGIBLE,
    NEVER,
    NO_HISTORY,
    NO_TRAITS,
    NOBODY,
    PURCHASE,
    TOUCHED,
    VIEW,
    About,
    Impersonal,
    Interaction,
    Past,
    Prepares,
    Query,
    Source,
    State,
    Traits,
    require_known,
)
from learners.checks import Check, yield_checks
from learners.content.content import Content
from learners.content.words import composed, fold
from learners.drift import RaisesLearningRate, Resets, ScalesLearningRate, SetsHalfLife
from learners.factors.factorization import Factorization
from learners.factors.skip_gram import SkipGram
from learners.interactions import Interactions, LearnsMany, learn_all, learning_calls, require_all_known
from learners.links.covisitation import CoVisitation
from learners.links.sequential_rules import SequentialRules
from learners.metrics.log_loss import LogLoss
from learners.metrics.rank_metrics import RankMetrics
from learners.neighbours.session_neighbours import SessionNeighbours
from learners.neighbours.session_search import Decays
from learners.neighbours.user_neighbours import UserNeighbours
from learners.popularity.categories import Categories
from learners.popularity.group_popularity import GroupPopularity
from learners.popularity.new_items import NewItems
from learners.popularity.popularity import Popularity
from learners.popularity.trending import Trending
from learners.profiles.segments import Segments
from learners.ranking.heads import TwoHeads, corrected, ranking_score
from learners.ranking.mixer import Mixer
from learners.repeats.buy_again import BuyAgain
from learners.repeats.recently_seen import RecentlySeen
from learners.repeats.repeats import Repeats
from learners.vocabulary import Vocabulary

__all__ = [
    "CLICK",
    "ELIGIBLE",
    "INELIGIBLE",
    "NEVER",
    "NOBODY",
    "NO_HISTORY",
    "NO_TRAITS",
    "PURCHASE",
    "TOUCHED",
    "VIEW",
    "About",
    "BiasedMF",
    "BuyAgain",
    "Categories",
    "Check",
    "CoVisitation",
    "Content",
    "Decays",
    "Factorization",
    "GroupPopularity",
    "Impersonal",
    "Interaction",
    "Interactions",
    "LearnsMany",
    "LogLoss",
    "Mixer",
    "NewItems",
    "Past",
    "Popularity",
    "Prepares",
    "Query",
    "RaisesLearningRate",
    "RankMetrics",
    "RecentlySeen",
    "Repeats",
    "Resets",
    "ScalesLearningRate",
    "Segments",
    "SequentialRules",
    "SessionNeighbours",
    "SetsHalfLife",
    "SkipGram",
    "Source",
    "State",
    "Traits",
    "Trending",
    "TwoHeads",
    "UserNeighbours",
    "Vocabulary",
    "best_first",
    "composed",
    "corrected",
    "fold",
    "grown",
    "learn_all",
    "learning_calls",
    "ranking_score",
    "require_all_known",
    "require_known",
    "yield_checks",
]


def __getattr__(name: str) -> Any:
    """Import the baseline when it is first asked for: it needs parts of River and SciPy that nothing else does."""
    if name != "BiasedMF":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module("learners.factors.biased_mf").BiasedMF
