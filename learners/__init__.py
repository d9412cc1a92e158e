"""What would this user like? Learners that never stop learning, without I/O, clock or random numbers.

A recommender answers in two steps. **Retrieval**: several cheap sources each name their best items out of the whole
catalogue - what is popular (`Popularity`, a slow and a fast one), what the same people touched (`CoVisitation`), what
usually comes next (`SequentialRules`), how sessions and people like this one went on (`SessionNeighbours`,
`UserNeighbours`), what this user came back for (`RecentlySeen`). Their union is a few hundred candidates.
**Ranking**: `TwoHeads`, logistic regression on how every source scored each candidate, says how likely a click and a
purchase are. Every event is first predicted, then learned, and no event costs more as the catalogue grows.

Start with `base` for the interface; `checks` holds the laws every source keeps, yours too.
"""

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
    Query,
    Source,
    State,
    Traits,
)
from learners.checks import Check, yield_checks
from learners.content.content import Content
from learners.factors.biased_mf import BiasedMF
from learners.factors.factorization import Factorization
from learners.factors.skip_gram import SkipGram
from learners.interactions import Interactions, learn_all, learning_calls
from learners.links.covisitation import CoVisitation
from learners.links.sequential_rules import SequentialRules
from learners.metrics.log_loss import LogLoss
from learners.metrics.rank_metrics import RankMetrics
from learners.neighbours.session_neighbours import SessionNeighbours
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
    "Factorization",
    "GroupPopularity",
    "Impersonal",
    "Interaction",
    "Interactions",
    "LogLoss",
    "Mixer",
    "NewItems",
    "Past",
    "Popularity",
    "Query",
    "RankMetrics",
    "RecentlySeen",
    "Repeats",
    "Segments",
    "SequentialRules",
    "SessionNeighbours",
    "SkipGram",
    "Source",
    "State",
    "Traits",
    "Trending",
    "TwoHeads",
    "UserNeighbours",
    "Vocabulary",
    "best_first",
    "corrected",
    "learn_all",
    "learning_calls",
    "ranking_score",
    "yield_checks",
]
