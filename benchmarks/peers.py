"""Recommenders of other libraries on the same steps as the engine: `python benchmarks/peers.py FILE`.

Not part of the package: `pip install implicit` first. Each is a learner like any other, so log, protocol, steps,
lists and intervals are those of `headwater evaluate`. Two are rebuilt from all events so far, as a service would do it
in batches; between two builds they know nothing of the others' events, but the user's own events reach them at once.

| peer | what it is |
| --- | --- |
| implicit_als | implicit's AlternatingLeastSquares, defaults (100 factors); user factors solved anew at every query |
| implicit_items | implicit's CosineRecommender, 200 neighbours an item |
| river_biased_mf | River's BiasedMF, defaults, on 1, 2, 3 for view, click, purchase; learns every event |

A build happens when an hour of event time has passed and 200 events have come, or after 1,000 events.
"""

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import scipy.sparse
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from numpy.typing import NDArray
from river import reco

from learners import INELIGIBLE, Impersonal, Interaction, Query, State
from learners.arrays.top_k import best_first
from stream.config import Config
from stream.datasets.readers import read
from stream.evaluation import baselines
from stream.evaluation.prequential import Evaluation, Protocol
from stream.evaluation.protocol import first_events

HOUR_S = 3600.0
LEAST_EVENTS, MOST_EVENTS = 200, 1_000
SEED = 7
Best = tuple[NDArray[np.int32], NDArray[np.float32]]


class Rebuilt(Impersonal):
    """A batch recommender of implicit that is rebuilt from all events now and then."""

    def __init__(self, name: str, make: Callable[[], Any], **asked: bool) -> None:
        self.name, self.make, self.model, self.asked = name, make, make(), asked
        self.users: dict[int, int] = {}
        self.rows: list[dict[int, float]] = []  # counts of every user
        self.fitted = 0  # items known when the model was built
        self.events, self.since, self.built_at = 0, 0, -np.inf
        self.builds = 0
        self.items = 0

    def add_item(self, item: int) -> None:
        self.items = max(self.items, item + 1)

    def learn_one(self, event: Interaction) -> None:
        row = self.users.setdefault(event.user, len(self.users))
        if row == len(self.rows):
            self.rows.append(defaultdict(float))
        self.rows[row][event.item] += 1.0
        self.since += 1
        hour = self.since >= LEAST_EVENTS and event.time - self.built_at >= HOUR_S
        if hour or self.since >= MOST_EVENTS:
            self._build(event.time)

    def _build(self, time: float) -> None:
        self.model = self.make()  # a second fit of the same one would go on with factors of the old shape
        self.model.fit(_matrix(self.rows, self.items), show_progress=False)
        self.fitted, self.built_at, self.since = self.items, time, 0
        self.builds += 1

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> Best:
        row = self.users.get(query.user, -1)
        known = {} if row < 0 else {item: n for item, n in self.rows[row].items() if item < self.fitted}
        if not known:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        items, scores = self.model.recommend(
            0, _matrix([known], self.fitted), N=k, filter_already_liked_items=False,
            filter_items=np.flatnonzero(blocked[: self.fitted] == INELIGIBLE), **self.asked,
        )  # fmt: skip
        found = (items >= 0) & (scores > -1e30)
        return items[found].astype(np.int32), scores[found].astype(np.float32)

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        return np.zeros(len(items), np.float32)  # peers feed no mixer

    def state(self) -> dict[str, NDArray[Any]]:
        return {}

    def restore(self, state: State) -> None:
        raise TypeError("peers are for one run: they are not stored")


class RiverBiasedMF(Impersonal):
    """River's BiasedMF, all items scored in one product: the ranking that `rank` gives, a hundred times faster."""

    name = "river_biased_mf"

    def __init__(self) -> None:
        self.model = reco.BiasedMF(seed=SEED)
        self.latents = np.zeros((1024, self.model.n_factors))
        self.biases = np.full(1024, -np.inf)
        self.items = self.users = 0

    def add_item(self, item: int) -> None:
        self.items = max(self.items, item + 1)
        while self.items > len(self.biases):
            self.latents = np.concatenate([self.latents, np.zeros_like(self.latents)])
            self.biases = np.concatenate([self.biases, np.full(len(self.biases), -np.inf)])

    def learn_one(self, event: Interaction) -> None:
        self.model.learn_one(event.user, event.item, event.kind + 1.0)
        self.latents[event.item] = self.model.i_latents[event.item]
        self.biases[event.item] = self.model.i_biases[event.item]

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> Best:
        scores = self.biases[: self.items].copy()
        if query.user in self.model.u_latents:
            scores += self.latents[: self.items] @ self.model.u_latents[query.user]
        eligible = np.flatnonzero((blocked[: self.items] != INELIGIBLE) & np.isfinite(scores)).astype(np.int32)
        found: Best = best_first(eligible, scores[eligible].astype(np.float32), k)
        return found

    score_many, state, restore = Rebuilt.score_many, Rebuilt.state, Rebuilt.restore


def _matrix(rows: list[dict[int, float]], items: int) -> scipy.sparse.csr_matrix:
    """Counts of users and items."""
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int32)  # implicit wants the same type as of columns
    columns = np.fromiter((item for row in rows for item in sorted(row)), np.int32, starts[-1])
    values = np.fromiter((row[item] for row in rows for item in sorted(row)), np.float32, starts[-1])
    return scipy.sparse.csr_matrix((values, columns, starts), (len(rows), items))


PEERS = {
    "implicit_als": lambda: Rebuilt(
        "implicit_als", lambda: AlternatingLeastSquares(random_state=SEED, num_threads=1), recalculate_user=True
    ),
    "implicit_items": lambda: Rebuilt("implicit_items", lambda: CosineRecommender(K=200, num_threads=1)),
    "river_biased_mf": RiverBiasedMF,
}


@click.command()
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "format_")
@click.option("--limit", type=int, help="Only the first events.")
@click.option("--learner", "learners", multiple=True, help="Of headwater's own; repeatable.")
@click.option("--by", type=click.Choice(["user", "session"]), default="user")
@click.option("--lists", type=click.Choice(["published", "fresh"]), default="fresh", show_default=True)
@click.option("--train-fraction", type=float, default=0.2, show_default=True)
@click.option("--resamples", type=int, default=1000, show_default=True)
def main(
    file: Path, format_: str | None, limit: int | None, learners: tuple[str, ...], by: Any, lists: Any,
    train_fraction: float, resamples: int,
) -> None:  # fmt: skip
    """Print HR@20, MRR@20 and NDCG@20 of the engine and of peers, with intervals, as a Markdown table."""
    baselines.BROUGHT.update(PEERS)
    entries = first_events(read(file, format_), limit)
    protocol = Protocol(ks=(20,), lists=lists, by=by, train_fraction=train_fraction)
    evaluation = Evaluation(Config(), protocol, learners=[*learners, *PEERS], resamples=resamples)
    for done in evaluation.advance(entries):
        if done % 1000 == 0:
            print(f"{done:,} events", file=sys.stderr)
    report: Any = evaluation.report()
    print(f"{file.name}: {report['events']:,} events, {report['steps']:,} steps, {lists} lists, by {by}\n")
    print("| | HR@20 | MRR@20 | NDCG@20 | HR@20 of new items |\n| --- | --- | --- | --- | --- |")
    for name, scores in report["learners"].items():
        cells = [_cell(scores, measure) for measure in ("hit_rate@20", "mrr@20", "ndcg@20")]
        print(f"| {name} | {' | '.join(cells)} | {scores['new']['hit_rate@20']:.4f} |")
    for baseline in evaluation.baselines:
        if isinstance(baseline.source, Rebuilt):
            print(f"\n{baseline.name}: built {baseline.source.builds} times")


def _cell(scores: dict[str, Any], measure: str) -> str:
    low, high = scores.get("intervals", {}).get(measure, (0.0, 0.0))
    return f"{scores[measure]:.4f} ± {(high - low) / 2:.4f}"


if __name__ == "__main__":
    main()
